//! Which output goes to which input where two lists of elements meet.

use crate::Span;
use crate::ast::{PortList, PortRange};
use crate::body::NodeId;

/// One side's element with its ports.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) node: NodeId,
    pub(crate) span: Span,
    /// No ports written: port 0, or as many as the other side has. Ranges are counted before they are spread: a short text
    /// can name a great many ports.
    pub(crate) ports: Vec<PortRange>,
    /// Goes on behind the last of `ports`.
    pub(crate) open: bool,
}

/// An output and an input to connect; places are those of the two elements.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) from: (NodeId, u16),
    pub(crate) to: (NodeId, u16),
    pub(crate) span: Span,
}

/// Why two lists do not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// Both sides are to go on as far as the other does.
    BothOpen,
    /// Many outputs meet many inputs and it says `->`.
    NeedsDoubleArrow,
    /// So many outputs, so many inputs, and whether each side may have more.
    Counts {
        outputs: usize,
        inputs: usize,
        more_outputs: bool,
        more_inputs: bool,
    },
    /// More connections than allowed.
    TooMany,
}

impl End {
    pub(crate) fn new(node: NodeId, span: Span, ports: Option<&PortList>) -> Self {
        Self {
            node,
            span,
            ports: ports.map_or_else(Vec::new, |list| list.ranges.clone()),
            open: ports.is_some_and(|list| list.open),
        }
    }

    /// How many ports are written, or one where none are.
    fn count(&self) -> usize {
        let count = |range: &PortRange| usize::from(range.last - range.first) + 1;
        self.ports.iter().map(count).sum::<usize>().max(1)
    }
}

/// Pairs the outputs of one list with the inputs of the next: one to each of many, many each to one, or, with `many` for
/// `=>`, many to as many in order. A side of one element without ports takes as many ports as the other side has.
pub(crate) fn pair(
    outputs: &[End],
    inputs: &[End],
    many: bool,
    most: usize,
) -> (Vec<Pair>, Option<Mismatch>) {
    let count = |ends: &[End]| ends.iter().map(End::count).sum::<usize>();
    let (out_count, in_count) = (count(outputs), count(inputs));
    let open = |ends: &[End]| ends.iter().filter(|end| end.open).count();
    let (mut out_open, mut in_open) = (open(outputs) > 0, open(inputs) > 0);
    let mut mismatch = None;
    if open(outputs) + open(inputs) > 1 {
        mismatch = Some(Mismatch::BothOpen);
        if in_count < out_count {
            out_open = false;
        } else {
            in_open = false;
        }
    }
    if many {
        let portless = |ends: &[End]| ends.len() == 1 && ends[0].ports.is_empty();
        out_open |= portless(outputs) && in_count > 1;
        in_open |= portless(inputs) && out_count > 1;
    }
    let mut out_steps = out_count > 1 || out_open;
    let in_steps = in_count > 1 || in_open;
    if out_steps && in_steps {
        let unequal = match (out_open, in_open) {
            (false, false) => out_count != in_count,
            (true, false) => out_count > in_count,
            (false, true) => in_count > out_count,
            (true, true) => false,
        };
        if unequal {
            let counts = Mismatch::Counts {
                outputs: out_count,
                inputs: in_count,
                more_outputs: out_open,
                more_inputs: in_open,
            };
            mismatch = mismatch.or(Some(counts));
        }
        if !many {
            mismatch = mismatch.or(Some(Mismatch::NeedsDoubleArrow));
        }
    } else if !out_steps && !in_steps {
        out_steps = true;
    }
    let total = if out_steps && in_steps {
        out_count.max(in_count)
    } else {
        out_count.saturating_mul(in_count)
    };
    if total > most {
        return (Vec::new(), Some(Mismatch::TooMany));
    }
    let outs = spread(
        outputs,
        if out_open {
            in_count.saturating_sub(out_count)
        } else {
            0
        },
    );
    let ins = spread(
        inputs,
        if in_open {
            out_count.saturating_sub(in_count)
        } else {
            0
        },
    );
    let join = |(from, span): &((NodeId, u16), Span), (to, to_span): &((NodeId, u16), Span)| Pair {
        from: *from,
        to: *to,
        span: span.to(*to_span),
    };
    let pairs = match (out_steps, in_steps) {
        (true, true) => outs
            .iter()
            .zip(&ins)
            .map(|(from, to)| join(from, to))
            .collect(),
        (true, false) => outs.iter().map(|from| join(from, &ins[0])).collect(),
        (false, _) => ins.iter().map(|to| join(&outs[0], to)).collect(),
    };
    (pairs, mismatch)
}

/// The ports of a list in order, the open one going on for `more`.
fn spread(ends: &[End], more: usize) -> Vec<((NodeId, u16), Span)> {
    let mut more = more;
    let alone = ends.len() == 1;
    let mut ports = Vec::new();
    for end in ends {
        let named = if end.ports.is_empty() {
            &[PortRange { first: 0, last: 0 }][..]
        } else {
            &end.ports
        };
        let last = named.last().map_or(0, |range| range.last);
        let named = named.iter().flat_map(|range| range.first..=range.last);
        ports.extend(named.map(|port| ((end.node, port), end.span)));
        if end.open || (alone && end.ports.is_empty()) {
            let further = (last.saturating_add(1)..=u16::MAX).take(std::mem::take(&mut more));
            ports.extend(further.map(|port| ((end.node, port), end.span)));
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(node: NodeId, ports: &[u16], open: bool) -> End {
        End {
            node,
            span: Span::default(),
            ports: ports
                .iter()
                .map(|&port| PortRange {
                    first: port,
                    last: port,
                })
                .collect(),
            open,
        }
    }

    fn shown(outputs: &[End], inputs: &[End], many: bool) -> (String, Option<Mismatch>) {
        let (pairs, mismatch) = pair(outputs, inputs, many, 100);
        let pairs = pairs
            .iter()
            .map(|p| format!("{}.{}>{}.{}", p.from.0, p.from.1, p.to.0, p.to.1));
        (pairs.collect::<Vec<_>>().join(" "), mismatch)
    }

    #[test]
    fn one_to_one_and_fans() {
        assert_eq!(
            shown(&[end(1, &[], false)], &[end(2, &[], false)], false),
            ("1.0>2.0".into(), None)
        );
        assert_eq!(
            shown(
                &[end(1, &[3], false)],
                &[end(2, &[], false), end(3, &[1, 2], false)],
                false
            ),
            ("1.3>2.0 1.3>3.1 1.3>3.2".into(), None)
        );
        assert_eq!(
            shown(
                &[end(1, &[], false), end(2, &[1], false)],
                &[end(3, &[], false)],
                false
            ),
            ("1.0>3.0 2.1>3.0".into(), None)
        );
    }

    #[test]
    fn many_to_many_pairs_in_order() {
        let three = [
            end(2, &[], false),
            end(3, &[], false),
            end(1, &[0, 1], false),
        ];
        assert_eq!(
            shown(&[end(1, &[], false)], &three, true),
            ("1.0>2.0 1.1>3.0 1.2>1.0 1.3>1.1".into(), None)
        );
        assert_eq!(
            shown(&[end(1, &[2], true)], &three[..2], true),
            ("1.2>2.0 1.3>3.0".into(), None)
        );
        let (pairs, mismatch) = shown(
            &[end(1, &[0, 1], false)],
            &[end(2, &[0, 1, 2], false)],
            true,
        );
        assert_eq!(pairs, "1.0>2.0 1.1>2.1");
        assert_eq!(
            mismatch,
            Some(Mismatch::Counts {
                outputs: 2,
                inputs: 3,
                more_outputs: false,
                more_inputs: false
            })
        );
    }

    #[test]
    fn what_cannot_be_paired_is_told() {
        let two = [end(1, &[0, 1], false)];
        assert_eq!(shown(&two, &two, false).1, Some(Mismatch::NeedsDoubleArrow));
        assert_eq!(
            shown(&[end(1, &[0], true)], &[end(2, &[0], true)], true).1,
            Some(Mismatch::BothOpen)
        );
        let wide = [end(1, &(0..20).collect::<Vec<_>>(), false)];
        assert_eq!(
            pair(&wide, &wide, true, 10),
            (Vec::new(), Some(Mismatch::TooMany))
        );
    }
}
