"""Document 003's helper module: three industrial prompts, composed from the styles of the package.

`python industrial_styles.py` prints them; a program says `from industrial_styles import SMALL_INDUSTRIAL_STYLE`.
"""

from soundwright.musicgen.compose import compose

SMALL_INDUSTRIAL_STYLE = compose("industrial", "small").prompt
MEDIUM_INDUSTRIAL_STYLE = compose("industrial", "medium").prompt
LARGE_KMFDMLIKE_STYLE = compose("industrial_rock", "large").prompt

if __name__ == "__main__":
    for name in ("SMALL_INDUSTRIAL_STYLE", "MEDIUM_INDUSTRIAL_STYLE", "LARGE_KMFDMLIKE_STYLE"):
        print(f"{name}\n{globals()[name]}\n")
