"""``python -m observability.dashboards`` writes the dashboards that Grafana is provisioned with."""

from .boards import FOLDER, files

if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
