"""The web page at ``/ui``: everything it shows comes from the REST interface, with the visitor's own rights."""
