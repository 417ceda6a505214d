"""What people have on disk or in memory as samples, each read, or refused with a sentence."""
