//! Whether a text has line ends other than CRLF, told at memory speed: nearly none has.

/// Returns true if every LF follows a CR and every CR stands before an LF; a CR at the end may get its LF later.
///
/// `before` is the byte before these.
pub(crate) fn are_crlf(before: u8, bytes: &[u8]) -> bool {
    let Some((&first, after)) = bytes.split_first() else { return true };
    (before == b'\r') == (first == b'\n')
        && bytes.chunks(RUN).zip(after.chunks(RUN)).all(|(these, next)| {
            // Without a way out inside, so that the compiler compares many bytes at a time.
            let pairs = these.iter().zip(next);
            let odd = |(this, next): (&u8, &u8)| u8::from((*this == b'\r') != (*next == b'\n'));
            pairs.fold(0, |any, pair| any | odd(pair)) == 0
        })
}

/// How many bytes are compared before the result is looked at.
const RUN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::are_crlf;

    #[test]
    fn bare_line_ends_are_found_wherever_they_are() {
        let text = b"a line\r\n".repeat(300);
        assert!(are_crlf(0, &text) && are_crlf(b'\r', &text[7..]) && are_crlf(0, &text[..7]));
        assert!(!are_crlf(0, &text[7..]) && !are_crlf(b'\r', &text) && are_crlf(0, b""));
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1;
            // CR becomes FF, LF becomes VT, and a letter another.
            assert_eq!(are_crlf(0, &changed), !matches!(text[at], b'\r' | b'\n'), "{at}");
            for bare in [b'\r', b'\n'] {
                changed[at] = bare;
                // A CR at the very end may get its LF.
                let is_open = at == text.len() - 1 && bare == b'\r' && text[at - 1] != b'\r';
                assert_eq!(are_crlf(0, &changed), changed == text || is_open, "{at} {bare}");
            }
        }
    }
}
