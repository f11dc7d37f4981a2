//! Programs outside the tool chain that chores need: one table, checked before they are needed.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;

/// What a program is needed for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Every run of the tests.
    Test,
    /// The long runs only.
    Long,
    /// The benches.
    Bench,
    /// The demo.
    Demo,
    /// The demo of a user who is not root.
    OwnRoot,
}

struct Program {
    name: &'static str,
    /// The Debian package that has it.
    package: &'static str,
    needs: &'static [Need],
    what_for: &'static str,
}

/// Every program outside the tool chain that any chore needs.
const PROGRAMS: &[Program] = &[
    Program {
        name: "cc",
        package: "gcc",
        needs: &[Need::Test, Need::Bench, Need::Demo],
        what_for: "linking",
    },
    Program {
        name: "ip",
        package: "iproute2",
        needs: &[Need::Test, Need::Bench, Need::Demo],
        what_for: "network namespaces and veth pairs",
    },
    Program {
        name: "ping",
        package: "iputils-ping",
        needs: &[Need::Test, Need::Demo],
        what_for: "hosts that ask across a router",
    },
    Program {
        name: "unshare",
        package: "util-linux",
        needs: &[Need::Test, Need::OwnRoot],
        what_for: "a user namespace, in place of root",
    },
    Program {
        name: "mount",
        package: "mount",
        needs: &[Need::Test, Need::OwnRoot],
        what_for: "a place for the names of network namespaces, in place of root",
    },
    Program {
        name: "traceroute",
        package: "traceroute",
        needs: &[Need::Test],
        what_for: "end-to-end tests: errors of a router, seen by a host",
    },
    Program {
        name: "ethtool",
        package: "ethtool",
        needs: &[Need::Test],
        what_for: "end-to-end tests: hosts that finish their frames",
    },
    Program {
        name: "tshark",
        package: "tshark",
        needs: &[Need::Test],
        what_for: "end-to-end tests: an opinion on every frame sent",
    },
    Program {
        name: "dnsmasq",
        package: "dnsmasq-base",
        needs: &[Need::Test],
        what_for: "tests of an example: a DNS server to ask",
    },
    Program {
        name: "c++",
        package: "g++",
        needs: &[Need::Long],
        what_for: "building the fuzzer's driver",
    },
    Program {
        name: "dpdk-testpmd",
        package: "dpdk-dev",
        needs: &[Need::Bench],
        what_for: "a peer of the benches",
    },
];

/// What to do about a program that is missing and cannot be installed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Say so: the tests that need it will say that they skip.
    Tell,
    /// Fail.
    Fail,
}

/// Looks for all that the tests need, and says what they will do without.
pub(crate) fn for_tests(long: bool, missing_ones: Missing) -> Outcome {
    let needs: &[Need] = if long {
        &[Need::Test, Need::Long]
    } else {
        &[Need::Test]
    };
    let complete = bring(needs);
    if !complete {
        if missing_ones == Missing::Fail {
            return Err(
                "programs that the tests need are not installed; here none may be missing".into(),
            );
        }
        println!("the tests that need them will say that they skip");
    }
    if !is_root() {
        println!("not root: tests with network namespaces and devices will say that they skip");
        if missing_ones == Missing::Fail {
            return Err("expected to run as root: here no test may skip".into());
        }
    } else if complete {
        println!("every program is there, and this is root: no test has a reason to skip");
    }
    Ok(())
}

/// Looks for all that the demo needs; it does nothing without.
pub(crate) fn for_demo() -> Outcome {
    let needs: &[Need] = if is_root() {
        &[Need::Demo]
    } else {
        &[Need::Demo, Need::OwnRoot]
    };
    if bring(needs) {
        Ok(())
    } else {
        Err("the demo does not run without the programs named above".into())
    }
}

/// Looks for all that the benches need; they say themselves what they cannot measure.
pub(crate) fn for_benches() {
    if !bring(&[Need::Bench]) {
        println!("the bench says what it cannot measure without them");
    }
}

/// Looks for all that `needs` ask for, installs what is missing where that is possible, and says what is not. Returns whether all
/// of it is there.
fn bring(needs: &[Need]) -> bool {
    let mut missing = absent(needs);
    if !missing.is_empty()
        && let Some(installer) = Installer::find()
    {
        if let Err(error) = installer.install(&missing) {
            println!("{error}");
        }
        missing = absent(needs);
    }
    if missing.is_empty() {
        return true;
    }
    println!("not installed:");
    for program in &missing {
        println!(
            "  {:<12} {} (Debian: {})",
            program.name, program.what_for, program.package
        );
    }
    println!(
        "to install on Debian: sudo apt-get install {}",
        packages(&missing)
    );
    false
}

/// The programs that `needs` ask for and that are not there.
fn absent(needs: &[Need]) -> Vec<&'static Program> {
    let is_needed = |program: &&Program| program.needs.iter().any(|need| needs.contains(need));
    let needed = PROGRAMS.iter().filter(is_needed);
    needed
        .filter(|program| !is_installed(program.name))
        .collect()
}

/// The names of the programs that the demo lacks, as root or not.
pub(crate) fn absent_for_demo() -> Vec<&'static str> {
    let absent = absent(&[Need::Demo, Need::OwnRoot]);
    absent.into_iter().map(|program| program.name).collect()
}

fn packages(programs: &[&Program]) -> String {
    let mut names: Vec<_> = programs.iter().map(|program| program.package).collect();
    names.dedup();
    names.join(" ")
}

/// How this machine installs a Debian package.
struct Installer {
    prefix: &'static [&'static str],
}

impl Installer {
    fn find() -> Option<Self> {
        if !Path::new("/etc/debian_version").exists() || !is_installed("apt-get") {
            return None;
        }
        if is_root() {
            return Some(Self { prefix: &[] });
        }
        let silent = Command::new("sudo")
            .args(["-n", "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        silent.is_ok_and(|status| status.success()).then_some(Self {
            prefix: &["sudo", "-n"],
        })
    }

    fn install(&self, programs: &[&Program]) -> Result<(), Box<dyn Error>> {
        println!("installing {}", packages(programs));
        self.apt_get(&["update", "-qq"])?;
        let mut arguments = vec!["install", "-qq", "--yes", "--no-install-recommends"];
        arguments.extend(programs.iter().map(|program| program.package));
        self.apt_get(&arguments)
    }

    fn apt_get(&self, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
        // `env` carries the variable through sudo.
        let mut line = self.prefix.to_vec();
        line.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        line.extend(arguments);
        let status = Command::new(line[0])
            .args(&line[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`apt-get {}` failed: {status}", arguments.join(" ")).into())
        }
    }
}

/// Whether a program is on the path, or where the system's administrator finds it.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| directory.join(program).is_file())
}

/// Whether the effective user is root.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1))
        == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_found_and_nonsense_is_not() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program-anywhere"));
    }
}
