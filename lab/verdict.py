# SPDX-License-Identifier: Apache-2.0
"""What held and what did not, a line each."""


class Verdict:
    """Says it, and remembers."""

    def __init__(self):
        self.good = True

    def that(self, held, text):
        print(f"  {'yes' if held else 'NO '}  {text}")
        self.good = self.good and held

    def close(self):
        """The last line, and the exit status."""
        print(f"\n{'Everything held.' if self.good else 'IT DID NOT HOLD: see above.'}")
        return 0 if self.good else 1
