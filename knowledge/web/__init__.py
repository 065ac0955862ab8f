"""The knowledge base over HTTP, under ``/api/kb``: handlers by concern; docs/api.md is their reference.

``rights`` says who may do what, ``routing`` checks it for every route and turns errors into answers, ``bodies`` takes
requests in with limits. The gateway gives in the sessions (``contract.Door``) and mounts the routes.
"""
