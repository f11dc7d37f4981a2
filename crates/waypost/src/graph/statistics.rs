//! What a graph has counted, as a table.

use waypost_graph::ElementStatistics;

/// The table, of what each worker has counted: one line for each element with the sums of all workers; below it, where there are several
/// workers, one for each that has counted something there; and one for each reason for which packets were lost.
pub(crate) fn table(workers: &[Vec<ElementStatistics>]) -> String {
    let elements = ElementStatistics::sum(workers.to_vec());
    let several = workers.len() > 1;
    let longest = |heading: &str, word: fn(&ElementStatistics) -> &str| {
        let words = elements.iter().map(|it| word(it).len());
        words.fold(heading.len(), usize::max)
    };
    let mut widths = Widths {
        name: longest("element", |it| &it.name),
        class: longest("class", |it| &it.class),
        timed: elements.iter().any(|it| it.nanos > 0),
    };
    if several {
        widths.name = widths.name.max(label(workers.len() - 1).len());
    }
    let mut table = widths.head();
    for (at, sum) in elements.iter().enumerate() {
        table.push_str(&widths.line(&sum.name, &sum.class, sum));
        let counted = workers.iter().enumerate().filter(|_| several);
        for (worker, counted) in counted {
            let Some(it) = counted.get(at).filter(|it| has_counted(it)) else {
                continue;
            };
            table.push_str(&widths.line(&label(worker), "", it));
        }
        for (reason, count) in &sum.drops {
            table.push_str(&format!("{:1$}    {count} × {reason}\n", "", widths.name));
        }
    }
    table
}

/// How the line of a worker begins.
fn label(worker: usize) -> String {
    format!("  worker {worker}")
}

fn has_counted(it: &ElementStatistics) -> bool {
    it.calls > 0 || it.packets > 0 || !it.drops.is_empty()
}

/// How wide the columns of words are, and whether there is one of times.
struct Widths {
    name: usize,
    class: usize,
    timed: bool,
}

impl Widths {
    fn head(&self) -> String {
        let (name, class) = (self.name, self.class);
        let times = if self.timed { "   ns/packet" } else { "" };
        format!(
            "{:name$}  {:class$}  {:>12}  {:>14}  {:>10}{times}\n",
            "element", "class", "calls", "packets", "dropped"
        )
    }

    fn line(&self, who: &str, what: &str, it: &ElementStatistics) -> String {
        let (name, class) = (self.name, self.class);
        let dropped: u64 = it.drops.iter().map(|(_, count)| count).sum();
        let time = if self.timed {
            let cost = match it.packets {
                0 => 0.0,
                packets => it.nanos as f64 / packets as f64,
            };
            format!("  {cost:>10.1}")
        } else {
            String::new()
        };
        format!(
            "{who:name$}  {what:class$}  {:>12}  {:>14}  {dropped:>10}{time}\n",
            it.calls, it.packets
        )
    }
}

#[cfg(test)]
mod tests {
    use waypost_graph::DropReason;

    use super::*;

    fn counted(name: &str, packets: u64, drops: u64) -> ElementStatistics {
        ElementStatistics {
            name: name.into(),
            class: "Queue".into(),
            calls: packets.min(1),
            packets,
            nanos: 0,
            drops: match drops {
                0 => Vec::new(),
                _ => vec![(DropReason::new("queue full"), drops)],
            },
        }
    }

    #[test]
    fn workers_stand_below_their_sum() {
        let first = vec![counted("q", 7, 2), counted("idle", 0, 0)];
        let second = vec![counted("q", 5, 1), counted("idle", 0, 0)];
        let third = vec![counted("q", 0, 0), counted("idle", 0, 0)];
        let expected = "\
element     class         calls         packets     dropped
q           Queue             2              12           3
  worker 0                    1               7           2
  worker 1                    1               5           1
              3 × queue full
idle        Queue             0               0           0
";
        assert_eq!(table(&[first.clone(), second, third]), expected);
        // One that has stopped tells nothing; where there is one alone, it is the sum.
        let lines = |workers: &[_]| table(workers).lines().count();
        assert_eq!(lines(&[first.clone(), Vec::new()]), 5);
        assert_eq!(lines(&[first]), 4);
    }
}
