"""Block devices: of which there are none, and who asks for their time (block/)."""
