"""How people are alerted: who, how, and about what. Declared once, and by source where it differs."""
