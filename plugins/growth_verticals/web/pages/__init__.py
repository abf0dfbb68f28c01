"""One module per page: its routes, and the view that its template shows."""
