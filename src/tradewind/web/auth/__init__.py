"""Who calls: sessions of browsers, tokens of programs, and this machine when it is trusted."""
