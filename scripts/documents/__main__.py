"""Writes into documents and deployments what they say of the code. Run ``make documents`` after changing that."""

from scripts import deployment, env_example, telemetry_reference

from . import blocks

if __name__ == "__main__":
    env_example.TARGET.write_text(env_example.render(), encoding="utf-8")
    telemetry_reference.TARGET.write_text(telemetry_reference.render(), encoding="utf-8")
    for path, text in deployment.targets():
        path.write_text(text, encoding="utf-8")
    for path, text in blocks.pictures().items():
        path.write_text(text, encoding="utf-8")
    for path in blocks.documents():
        path.write_text(blocks.filled(path.read_text(encoding="utf-8")), encoding="utf-8")
