//! The few character sets that header fields and parameters use: UTF-8, ASCII, ISO 8859-1 and windows-1252.
