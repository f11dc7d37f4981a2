//! "Did you mean …": the known name nearest to the one written.

/// Names longer than this are not compared: the distance costs the product of the lengths.
const LONGEST_COMPARED: usize = 48;

/// The candidate nearest to `written`, if one is near enough to be a likely slip: the same but for case, or at most a third
/// of its letters away in insertions, deletions, substitutions and swaps of neighbours. For other texts that mean to suggest
/// as this one does.
///
/// ```
/// use waypost_graph_text::nearest;
///
/// assert_eq!(nearest("deley", ["rate", "delay", "loss"]), Some("delay"));
/// assert_eq!(nearest("colour", ["rate", "delay", "loss"]), None);
/// ```
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if written.is_empty() || written.len() > LONGEST_COMPARED {
        return None;
    }
    let allowed = (written.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == written || candidate.len() > LONGEST_COMPARED {
            continue;
        }
        let distance = if candidate.eq_ignore_ascii_case(written) {
            0
        } else {
            distance(written, candidate)
        };
        // One letter for another one-letter name is not a slip.
        let near = distance <= allowed && distance < candidate.chars().count();
        if near && best.is_none_or(|(d, name)| (distance, candidate) < (d, name)) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, name)| name)
}

/// "did you mean `x`?", ready for a help line.
pub(crate) fn did_you_mean<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(written, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// Optimal string alignment distance.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let differs = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_leaves_the_rest() {
        let known = ["Queue", "Unqueue", "Classifier", "Print", "a"];
        assert_eq!(nearest("Quue", known), Some("Queue"));
        assert_eq!(nearest("Qeuue", known), Some("Queue"));
        assert_eq!(nearest("queue", known), Some("Queue"));
        assert_eq!(nearest("Clasifier", known), Some("Classifier"));
        assert_eq!(nearest("Discard", known), None);
        assert_eq!(nearest("b", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn distances() {
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
