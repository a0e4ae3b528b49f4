"""One file per page: what its template shows, as of one moment."""
