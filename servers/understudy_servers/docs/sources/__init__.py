"""Where documentation comes from: installed packages, folders, archives, sites, and the limits on each."""
