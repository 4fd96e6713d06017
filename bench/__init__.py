"""`python -m bench`: what NovaCore costs beside a plain proxy, measured in the same run."""
