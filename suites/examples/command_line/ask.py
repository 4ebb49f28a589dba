"""A command-line tool: ``ask.py QUESTION`` prints the model's answer as it comes."""

import sys

from openai import OpenAI, OpenAIError


def main() -> int:
    model = OpenAI(timeout=8, max_retries=1)
    try:
        stream = model.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": sys.argv[1]}], stream=True
        )
        for chunk in stream:
            if chunk.choices:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
    except OpenAIError as e:
        print(f"ask: the model is not available ({type(e).__name__}); try again later", file=sys.stderr)
        return 75  # EX_TEMPFAIL
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
