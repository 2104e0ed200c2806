//! Partner cards: who an organisation is, its keys and what it reads, signed.
