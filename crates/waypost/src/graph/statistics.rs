//! What a graph has counted, as a table.

use waypost_graph::ElementStatistics;

/// The table: one line for each element, and one for each reason for which packets were lost.
pub(crate) fn table(elements: &[ElementStatistics]) -> String {
    let name = elements
        .iter()
        .map(|it| it.name.len())
        .max()
        .unwrap_or(0)
        .max("element".len());
    let class = elements
        .iter()
        .map(|it| it.class.len())
        .max()
        .unwrap_or(0)
        .max("class".len());
    let timed = elements.iter().any(|it| it.nanos > 0);
    let mut table = format!(
        "{:name$}  {:class$}  {:>12}  {:>14}  {:>10}",
        "element", "class", "calls", "packets", "dropped"
    );
    if timed {
        table.push_str(&format!("  {:>10}", "ns/packet"));
    }
    table.push('\n');
    for it in elements {
        let dropped: u64 = it.drops.iter().map(|(_, count)| count).sum();
        table.push_str(&format!(
            "{:name$}  {:class$}  {:>12}  {:>14}  {:>10}",
            it.name, it.class, it.calls, it.packets, dropped
        ));
        if timed {
            let cost = if it.packets > 0 {
                it.nanos as f64 / it.packets as f64
            } else {
                0.0
            };
            table.push_str(&format!("  {cost:>10.1}"));
        }
        table.push('\n');
        for (reason, count) in &it.drops {
            table.push_str(&format!("{:name$}    {count} × {reason}\n", ""));
        }
    }
    table
}
