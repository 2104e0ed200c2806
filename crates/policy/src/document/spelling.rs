//! Finds what somebody meant to type.

/// Returns the candidate nearest to the word, if one is near enough to be a slip of the finger.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    if word.len() > LONGEST_WORD {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(distance, candidate)| *distance <= tolerance(word.len().max(candidate.len())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Short words are all near each other, so fewer slips are forgiven.
fn tolerance(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    }
}

/// Counts the slips between two words: a letter too much, too few, wrong, or swapped with its neighbour
/// (Damerau-Levenshtein in its optimal string alignment form).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut two_back: Vec<usize> = Vec::new();
    let mut one_back: Vec<usize> = (0..=b.len()).collect();
    let mut a_before = None;
    for (row, &from) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut b_before = None;
        for (column, &to) in b.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&one_back, column) + usize::from(from != to);
            let removed = at(&one_back, column + 1) + 1;
            let added = at(&current, column) + 1;
            let mut best = replaced.min(removed).min(added);
            if a_before == Some(to) && b_before == Some(from) {
                best = best.min(at(&two_back, column.wrapping_sub(1)) + 1);
            }
            current.push(best);
            b_before = Some(to);
        }
        a_before = Some(from);
        two_back = std::mem::replace(&mut one_back, current);
    }
    one_back.last().copied().unwrap_or(0)
}

/// Longer than every key and value we know.
const LONGEST_WORD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("lisen", "listen", 1),
            ("lsiten", "listen", 1),
            ("protcet", "protect", 1),
            ("kitten", "sitting", 3),
        ] {
            let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
            assert_eq!(distance(&a, &b), expected);
            assert_eq!(distance(&b, &a), expected);
        }
    }

    #[test]
    fn only_slips_are_mended() {
        let words = ["protect", "protect-if-possible", "sign", "pass", "hold", "reject"];
        for (typed, meant) in [
            ("protcet", Some("protect")),
            ("Protect", Some("protect")),
            ("protect-if-posible", Some("protect-if-possible")),
            ("sing", Some("sign")),
            ("encrypt", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, words), meant, "{typed}");
        }
    }
}
