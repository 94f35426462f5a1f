"""Energy, money, periods, ids, encodings, clock, codes and errors; imports nothing of ours."""
