"""From what was measured to GO or NO-GO: intervals, measurements, judgement, findings, the verdict table, result.json.

A check returns a measurement; `judge` holds it against its limit; the engine makes a finding of it; `verdict` turns the
findings of all experiments into one word and an exit code. Everything here is a pure function of its arguments.
"""
