# SPDX-License-Identifier: Apache-2.0
"""Of what Debian packages."""
import subprocess


def of(package):
    done = subprocess.run(("dpkg-query", "-W", "-f=${Version}", package), capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
