"""One benchmark per file; each states its check, grade, cluster and reply rule."""
