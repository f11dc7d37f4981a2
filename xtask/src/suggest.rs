//! "Did you mean": the nearest of the words that would have been right.

/// The end of a sentence about an unknown `word`: the nearest of `known`, if one is near enough to be meant.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min();
    match nearest {
        Some((distance, candidate)) if distance <= 1 + candidate.len() / 3 => {
            format!("; did you mean `{candidate}`?")
        }
        _ => String::new(),
    }
}

/// Insertions, deletions and replacements that make `left` into `right` (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.chars().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, &b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_understood() {
        let known = ["test", "tidy", "ci"];
        assert_eq!(hint("tets", known), "; did you mean `test`?");
        assert_eq!(hint("tidi", known), "; did you mean `tidy`?");
        assert_eq!(hint("deploy", known), "");
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
