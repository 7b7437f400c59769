"""Kubernetes as both sides use it: the executor for attempts, operators for pods of their own.

`api` speaks to the API server through the official client; `pods` reads what a pod's status
says, `template` lays one pod over another, `answers` and `pacing` say what follows from an answer
and when. But for `api` nothing here does I/O or needs the client.
"""
