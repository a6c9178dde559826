"""The steps from one form of the history's tables to the next, run by alembic."""
