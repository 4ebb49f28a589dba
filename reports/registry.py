from brownout.harness.report import Report, reports

__all__ = ["Report", "reports"]
