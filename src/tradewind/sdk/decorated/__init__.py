"""The operators behind `@task` and its kin, a module for each so that none pays for another."""
