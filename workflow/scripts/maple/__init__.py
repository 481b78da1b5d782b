"""The library that the workflow's commands share. It never imports snakemake."""
