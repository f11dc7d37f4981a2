//! The simulation's scene: `waypost sim` runs a network under virtual time, from the same seed and from another.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::network;
use super::screen::{Screen, indented};
use crate::Outcome;
use crate::workspace::Workspace;

/// Where the scene's files lie, below the folder of what is built.
const FOLDER: &str = "demo/simulation";
const TEXT: &str = "network.toml";
/// The runs: the folder of each, and its seed.
const RUNS: [(&str, &str); 3] = [("first", "1"), ("again", "1"), ("other", "2")];

/// What hosts count that hear a router ask for another host: no ping is lost by that.
const FOR_OTHERS: &str = "lost: ARP packet that asks for none of ours";
/// What is wrong is told up to so many lines.
const WRONG_MAX: usize = 8;

/// What `waypost sim --json` says, as far as it is looked at.
#[derive(Debug, Deserialize)]
struct Report {
    events: u64,
    digest: String,
    links: Vec<Link>,
    nodes: Vec<Node>,
    reads: Vec<Figure>,
    expectations: Vec<Expectation>,
    files: Vec<File>,
    clock: Clock,
}

/// One direction of a link.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Link {
    link: String,
    dropped_by_reason: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Node {
    node: String,
    counters: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Figure {
    value: u64,
}

#[derive(Debug, Deserialize)]
struct Expectation {
    text: String,
    holds: bool,
    found: String,
}

#[derive(Debug, Deserialize)]
struct File {
    file: String,
    holds: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Clock {
    seconds: f64,
    events_per_second: f64,
}

/// Runs the network, and fails if the second run is not the first again, or if pings are missing that no link has lost.
pub(super) fn play(screen: &Screen, workspace: &Workspace, built: &Path) -> Outcome {
    let folder = workspace.target.join(FOLDER);
    write(workspace, &folder)?;
    screen.say("\na network that is simulated:");
    screen.say(indented(&network::described()));
    screen.say("it runs under virtual time, twice from the same seed and once from another:");
    let run = |(name, seed)| -> Result<_, String> {
        let report = simulate(&built.join("waypost"), &folder, name, seed)?;
        screen.say(format!("    seed {seed}: {}", report.in_a_line()));
        Ok((report, files(&folder.join(name))?))
    };
    let [first, again, other] = RUNS.map(run);
    let ((report, files), (again, files_again), (other, _)) = (first?, again?, other?);
    let mut wrong = report.wrong();
    wrong.extend(other.wrong());
    screen.say(format!("what became of the pings:\n{}", report.account()));
    if !wrong.is_empty() {
        let first = &wrong[..wrong.len().min(WRONG_MAX)];
        return Err(format!("{} things are wrong: {}", wrong.len(), first.join("; ")).into());
    }
    if report.digest != again.digest || files != files_again {
        return Err("the second run is not the first again, though the seed is the same".into());
    }
    if report.digest == other.digest {
        return Err("another seed gives the same digest".into());
    }
    screen.say(format!(
        "The same seed gave the same run: its digest, and each octet of its {} files.",
        files.len()
    ));
    let out = folder.join(RUNS[0].0);
    screen.say("to look at:");
    for (path, what) in [
        (folder.join(TEXT), "the network, for `waypost sim`"),
        (out.join("report.txt"), "what became of all frames"),
    ] {
        screen.say(format!("    {}: {what}", path.display()));
    }
    for File { file, holds } in &report.files {
        screen.say(format!("    {}: {holds}", out.join(file).display()));
    }
    Ok(())
}

/// Writes the network's text, and beside it those that it is made of.
fn write(workspace: &Workspace, folder: &Path) -> Result<(), String> {
    let cannot = |error| format!("cannot write {}: {error}", folder.display());
    // What an earlier demo has left there is another network's.
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(cannot)?;
    }
    fs::create_dir_all(folder).map_err(cannot)?;
    fs::write(folder.join(TEXT), network::text()).map_err(cannot)?;
    for file in network::CLICK {
        let from = workspace.root.join("examples/sim").join(file);
        fs::copy(&from, folder.join(file)).map_err(cannot)?;
    }
    Ok(())
}

/// Runs it once.
fn simulate(program: &Path, folder: &Path, out: &str, seed: &str) -> Result<Report, String> {
    let output = Command::new(program)
        .args(["sim", TEXT, "--json", "--out", out, "--seed", seed])
        .current_dir(folder)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    // What it says is told before with what status it has ended: expectations that fail are looked at below.
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("`waypost sim {TEXT}`, {}: {error}", output.status))
}

/// The files of a run.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let read = || -> std::io::Result<_> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, fs::read(entry.path())?);
        }
        Ok(files)
    };
    read().map_err(|error| format!("cannot read {}: {error}", folder.display()))
}

impl Report {
    fn in_a_line(&self) -> String {
        format!(
            "{} events in {:.2} s, {:.0} a second; digest {}",
            self.events, self.clock.seconds, self.clock.events_per_second, self.digest
        )
    }

    /// What the counters of all hosts come to that the text's expectations look at.
    fn sum(&self, counter: &str) -> u64 {
        let counted = self.expectations.iter();
        let counted = counted.filter(|it| it.text.contains(counter));
        counted.filter_map(|it| it.found.parse::<u64>().ok()).sum()
    }

    fn answered(&self) -> u64 {
        self.reads.iter().map(|it| it.value).sum()
    }

    /// What was lost: where, why, and how many frames.
    fn lost(&self) -> BTreeMap<(&str, &str), u64> {
        let mut lost = BTreeMap::new();
        for link in &self.links {
            for (reason, count) in &link.dropped_by_reason {
                *lost.entry((&*link.link, &**reason)).or_insert(0) += count;
            }
        }
        for node in &self.nodes {
            let counters = node.counters.iter();
            for (counter, count) in counters.filter(|(counter, _)| *counter != FOR_OTHERS) {
                if let Some(reason) = counter.strip_prefix("lost: ") {
                    *lost.entry((&*node.node, reason)).or_insert(0) += count;
                }
            }
        }
        lost.retain(|_, count| *count > 0);
        lost
    }

    /// What became of the pings.
    fn account(&self) -> String {
        let (sent, answered, lost) = (self.sum("/pings."), self.answered(), self.lost());
        let frames: u64 = lost.values().sum();
        let mut said = format!(
            "    {sent} sent, {answered} answered; requests and replies lost on the way: {frames}\n"
        );
        for ((place, reason), count) in &lost {
            said += &format!("        {count} at {place}: {reason}\n");
        }
        let (after, answered) = (network::PINGS_AFTER, self.sum("/recent."));
        said + &format!("    once nothing was wrong any more: {after} sent, {answered} answered\n")
    }

    /// What is not as the scene wants it to be, in words.
    fn wrong(&self) -> Vec<String> {
        let failed = self.expectations.iter().filter(|it| !it.holds);
        let mut wrong: Vec<_> = failed
            .map(|it| format!("{}: found {}", it.text, it.found))
            .collect();
        let (sent, answered, lost) = (self.sum("/pings."), self.answered(), self.lost());
        if sent != network::PINGS {
            let expected = network::PINGS;
            wrong.push(format!("{expected} pings were to be sent, and {sent} were"));
        }
        let frames: u64 = lost.values().sum();
        if sent != answered + frames {
            wrong.push(format!(
                "of {sent} pings {answered} were answered and {frames} lost: expected as many as were sent"
            ));
        }
        for (place, reason) in [("ring0", "lost"), ("ring5", "down")] {
            if !lost.contains_key(&(place, reason)) {
                wrong.push(format!("nothing was lost at {place}: {reason}"));
            }
        }
        for (place, reason) in lost.keys() {
            if !matches!(*place, "ring0" | "ring5") {
                wrong.push(format!("nothing was to be lost at {place}: {reason}"));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A run in which so many pings were lost on each of two links.
    fn report(ring0: u64, ring5: u64, answered: u64) -> Report {
        let pings = network::PINGS.to_string();
        let report = json!({
            "events": 5, "digest": "1", "files": [], "clock": { "seconds": 1.0, "events-per-second": 5.0 },
            "links": [
                { "link": "ring0", "dropped-by-reason": { "lost": ring0, "down": 0 } },
                { "link": "ring5", "dropped-by-reason": { "down": ring5 } },
            ],
            "nodes": [{ "node": "h", "counters": { FOR_OTHERS: 3, "received": 5 } }],
            "reads": [{ "figure": "h/replies.count", "value": answered }],
            "expectations": [
                { "text": "h/pings.count == 8800", "holds": true, "found": pings },
                { "text": "h/recent.count == 30", "holds": answered > 8000, "found": "30" },
            ],
        });
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn each_ping_is_answered_or_lost_where_it_has_to_be() {
        let right = report(100, 400, network::PINGS - 500);
        assert!(right.wrong().is_empty(), "{:?}", right.wrong());
        let expected = "    \
    8800 sent, 8300 answered; requests and replies lost on the way: 500
        100 at ring0: lost
        400 at ring5: down
    once nothing was wrong any more: 2640 sent, 30 answered
";
        assert_eq!(right.account(), expected);
        let mut elsewhere = report(100, 399, network::PINGS - 500);
        elsewhere.nodes[0]
            .counters
            .insert("lost: ring full".to_owned(), 1);
        for (wrong, why) in [
            (
                report(100, 399, network::PINGS - 500),
                "of 8800 pings 8300 were answered and 499 lost: expected as many as were sent",
            ),
            (
                report(0, 500, network::PINGS - 500),
                "nothing was lost at ring0: lost",
            ),
            (elsewhere, "nothing was to be lost at h: ring full"),
            (
                report(400, 400, network::PINGS - 800),
                "h/recent.count == 30: found 30",
            ),
        ] {
            assert_eq!(wrong.wrong(), [why]);
        }
    }
}
