"""HTTP: JSON, binary records, C2SP log files and a stream of market data; nothing here decides about energy."""
