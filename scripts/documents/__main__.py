"""Writes what documents say of the code into them. Run ``make documents`` after changing what they are made from."""

from scripts import env_example

from . import blocks

if __name__ == "__main__":
    env_example.TARGET.write_text(env_example.render(), encoding="utf-8")
    for path, text in blocks.pictures().items():
        path.write_text(text, encoding="utf-8")
    for path in blocks.documents():
        path.write_text(blocks.filled(path.read_text(encoding="utf-8")), encoding="utf-8")
