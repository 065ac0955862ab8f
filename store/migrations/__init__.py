"""Alembic 迁移。Schema migrations, run at start."""
