"""How problems are solved. Families live in folders of their own; nothing here knows of events or databases."""
