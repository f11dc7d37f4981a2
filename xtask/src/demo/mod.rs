//! `cargo xtask demo`: what the project can do, scene after scene.

mod account;
mod network;
mod router;
mod screen;
mod simulation;
mod traffic;

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use waypost_tests::crossing::Crossing;

use crate::Outcome;
use crate::prerequisites::{self, is_root};
use crate::suggest;
use crate::workspace::{Workspace, run as run_command, this_program};
use screen::Screen;

const HELP: &str = "\
What the project can do, scene after scene:

  router        two Linux hosts and a router between them, each in a network namespace of its own. The router is the
                graph `examples/router.click`; what crosses it is real traffic of the hosts' kernels. The router has its
                ports by AF_XDP, or by AF_PACKET where the kernel refuses AF_XDP, as to users who are not root.
  simulation    a network of more than a hundred routers, switches and hosts under virtual time, while links lose frames
                and go down; from the same seed to the same octet. It needs no rights and no namespaces.

Usage: cargo xtask demo [SCENE...] [OPTIONS]

Without a SCENE all of them are played.

  --keep        leave the router's hosts and a router up afterwards, until Ctrl-C, and say how to play with them
  --stream MIB  how many MiB go by TCP through the router (default 1024)
  --built       run the programs as they were built last: build and install nothing
";

/// The programs that run in it.
const PROGRAMS: [&str; 2] = ["waypost", "waypost-peer"];

/// Set where the command runs as root of its own user namespace.
const OWN_ROOT: &str = "WAYPOST_DEMO_OWN_ROOT";

/// Gives a user namespace a `/run` of its own, where `ip netns` keeps names.
const OWN_RUN: &str = "mount -t tmpfs tmpfs /run";

/// MiB of the stream, unless the command line says otherwise.
const STREAM_MIB: u32 = 1024;

/// A scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    Router,
    Simulation,
}

const SCENES: [(&str, Scene); 2] = [("router", Scene::Router), ("simulation", Scene::Simulation)];

/// What the command line asks for.
#[derive(Debug)]
struct Wish {
    /// None named: all of them.
    scenes: Vec<Scene>,
    keep: bool,
    stream_mib: Option<u32>,
    built: bool,
}

impl Wish {
    /// Reads the command line; `None` asks for help.
    fn read(arguments: &[String]) -> Result<Option<Self>, Box<dyn Error>> {
        let mut wish = Self {
            scenes: Vec::new(),
            keep: false,
            stream_mib: None,
            built: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--keep" => wish.keep = true,
                "--built" => wish.built = true,
                "--help" | "-h" => return Ok(None),
                "--stream" => {
                    let value = arguments.next().map(|value| value.parse());
                    let Some(Ok(mib)) = value else {
                        return Err("--stream: expected a whole number of MiB".into());
                    };
                    wish.stream_mib = Some(mib);
                }
                option if option.starts_with('-') => {
                    let known = ["--keep", "--stream", "--built", "--help"];
                    let hint = suggest::hint(option, known);
                    return Err(format!("unknown option `{option}`{hint}").into());
                }
                name => {
                    let Some((_, scene)) = SCENES.iter().find(|(known, _)| *known == name) else {
                        let known = SCENES.map(|(name, _)| name);
                        let hint = suggest::hint(name, known);
                        let known = known.join(" or ");
                        let message = format!("there is no scene `{name}`: expected {known}{hint}");
                        return Err(message.into());
                    };
                    wish.scenes.push(*scene);
                }
            }
        }
        for (option, given) in [
            ("--keep", wish.keep),
            ("--stream", wish.stream_mib.is_some()),
        ] {
            if given && !wish.has(Scene::Router) {
                let message = format!("{option} is for the scene `router`, which is not asked for");
                return Err(message.into());
            }
        }
        Ok(Some(wish))
    }

    fn has(&self, scene: Scene) -> bool {
        self.scenes.is_empty() || self.scenes.contains(&scene)
    }
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    let Some(wish) = Wish::read(arguments)? else {
        print!("{HELP}");
        return Ok(());
    };
    // The one that this process was started by has seen to that.
    let is_ready = wish.built || std::env::var_os(OWN_ROOT).is_some();
    // What the router's scene lacks does not keep others from being played.
    let mut ready = Ok(());
    if !is_ready {
        if wish.has(Scene::Router) {
            ready = prerequisites::for_demo();
        }
        build(workspace)?;
    }
    // The programs that were built now, wherever this one lies.
    let built = workspace.target.join("release");
    for program in PROGRAMS {
        if !built.join(program).is_file() {
            let path = built.join(program);
            return Err(format!("{} is not built: leave --built away", path.display()).into());
        }
    }
    let screen = Screen::new();
    let mut hosts = None;
    let mut left_out = None;
    if wish.has(Scene::Router) {
        match ready.and_then(|()| hosts_as_root(&screen, &built)) {
            Ok(crossing) => {
                let stream_mib = wish.stream_mib.unwrap_or(STREAM_MIB);
                router::play(&screen, &crossing, stream_mib)?;
                hosts = Some(crossing);
            }
            Err(why) if wish.has(Scene::Simulation) => {
                screen.say(format!("the scene `router` is left out: {why}"));
                left_out = Some(why);
            }
            Err(why) => return Err(why),
        }
    }
    if wish.has(Scene::Simulation) {
        simulation::play(&screen, workspace, &built)?;
    }
    match (hosts, left_out) {
        (_, Some(why)) => Err(format!("the scene `router` was left out: {why}").into()),
        (Some(crossing), None) if wish.keep => router::stay(&screen, &crossing, &built),
        _ => Ok(()),
    }
}

/// The hosts of the router's scene. Without root the command is run again, where it is root.
fn hosts_as_root(screen: &Screen, built: &Path) -> Result<Crossing, Box<dyn Error>> {
    if !is_root() {
        as_own_root()?;
    }
    Ok(router::hosts(screen, built)?)
}

/// Builds the programs that the demo runs.
pub(crate) fn build(workspace: &Workspace) -> Outcome {
    println!("building…");
    let mut build = workspace.cargo("build");
    build.args(["--release", "--quiet"]);
    for program in PROGRAMS {
        build.args(["--bin", program]);
    }
    let packages = ["--package", "waypost", "--package", "waypost-tests"];
    run_command(build.args(packages))
}

/// Runs the command again as root of a user namespace of its own.
fn as_own_root() -> Outcome {
    let unshare = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--mount"]);
        command.args(words);
        command
    };
    let lacking = |error: std::io::Error| {
        format!("cannot run unshare (Debian: util-linux): {error}; or run as root")
    };
    // All that is to be done there, so that nothing fails once this process is gone.
    let probe = unshare(&["sh", "-c", OWN_RUN]).output().map_err(lacking)?;
    if !probe.status.success() {
        let why = String::from_utf8_lossy(&probe.stderr).into_owned();
        return Err(format!(
            "not root, and this user may not make namespaces here ({}): run as root",
            why.trim()
        )
        .into());
    }
    println!(
        "not root: running in a user namespace of its own; `ip netns` outside does not see the hosts."
    );
    let this = this_program()?;
    let mut again = unshare(&["sh", "-c"]);
    again.env(OWN_ROOT, "1");
    again.arg(format!("{OWN_RUN} && exec \"$0\" \"$@\""));
    again.arg(this).args(std::env::args_os().skip(1));
    Err(lacking(again.exec()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Wish, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let wish = Wish::read(&words).map_err(|error| error.to_string())?;
        wish.ok_or_else(|| "help".to_owned())
    }

    #[test]
    fn scenes_are_played_by_name_and_all_of_them_without() {
        let all = read("--keep").unwrap();
        assert!(all.has(Scene::Router) && all.has(Scene::Simulation) && all.keep);
        let one = read("simulation --built").unwrap();
        assert!(!one.has(Scene::Router) && one.has(Scene::Simulation));
        for (line, why) in [
            (
                "simulatoin",
                "there is no scene `simulatoin`: expected router or simulation; did you mean `simulation`?",
            ),
            (
                "simulation --keep",
                "--keep is for the scene `router`, which is not asked for",
            ),
            (
                "--stream 5 simulation",
                "--stream is for the scene `router`, which is not asked for",
            ),
            ("--kep", "unknown option `--kep`; did you mean `--keep`?"),
            ("router --help", "help"),
        ] {
            assert_eq!(read(line).unwrap_err(), why);
        }
    }
}
