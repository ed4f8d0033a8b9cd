//! A small film with real takes, and the viewer serving it over a real socket.

#![allow(dead_code)] // each test file uses its own part

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use heirloom_archive::{AddOptions, Archive};
use heirloom_dailies::index::{Index, Measured};
use heirloom_dailies::{Drawing, Silent, draw_all, plan};
use heirloom_engine::Engines;
use heirloom_engine::gate::SourceGate;
use heirloom_film::Rate;
use heirloom_studio::{Listen, Look, Served, StudioError, serve};
use heirloom_vault::{Act, Actor, Filter, ObjectId, Vault, Verb};

/// The ledger's name of the shot.
pub const SHOT: &str = "shot:cosmos/010";

/// A film's folder with one shot.
pub struct Film {
    pub folder: tempfile::TempDir,
    pub vault: Arc<Vault>,
    pub engines: Engines,
    size: (u32, u32),
    frames: u32,
}

impl Film {
    /// Without takes.
    pub fn new(size: (u32, u32), frames: u32) -> Film {
        let folder = tempfile::tempdir().unwrap();
        let vault = Arc::new(Vault::create(&folder.path().join("vault")).unwrap());
        let pictures = folder.path().join("pictures");
        std::fs::create_dir(&pictures).unwrap();
        photograph(&pictures.join("sea.png"), size.0 * 3 / 2, size.1 * 3 / 2);
        let options = AddOptions {
            owner: Some("A. Owner".into()),
            rights: Some("own work".into()),
            ..AddOptions::default()
        };
        Archive::new(&vault).add(&[pictures], &options, &()).unwrap();
        let engines = Engines::new().with(Arc::new(heirloom_engine_exemplar::engine::engine()));
        Film {
            folder,
            vault,
            engines,
            size,
            frames,
        }
    }

    /// Draws one more take of the shot.
    pub fn draw(&self, seed: u32, prompt: &str) -> ObjectId {
        let text = format!(
            "[film]\ntitle = \"Test\"\nsize = [{}, {}]\n[[scene]]\nname = \"cosmos\"\n[[scene.shot]]\nname = \"010\"\n\
             frames = {}\nseed = {seed}\nkind = \"living\"\nsources = [\"archive:sea\"]\nprompt = \"{prompt}\"\n",
            self.size.0, self.size.1, self.frames
        );
        let film = heirloom_film::parse("film.toml", &text)
            .unwrap_or_else(|p| panic!("{p}"))
            .film;
        let gate = SourceGate::new(&self.vault, "2026-11-22".parse().unwrap());
        let plan = plan(&film, self.folder.path(), &self.vault, &self.engines, &gate).unwrap();
        assert!(plan.objections.is_empty(), "{:?}", plan.objections);
        let outcome = draw_all(&Drawing {
            plan: &plan,
            vault: self.vault.clone(),
            engines: &self.engines,
            work: &self.folder.path().join("work"),
            by: Actor::person("Ada"),
            workers: 1,
            stop: &AtomicBool::new(false),
            observer: &Silent,
        })
        .unwrap();
        outcome.takes[0].unwrap_or_else(|| panic!("{:?}", outcome.failed))
    }

    /// Notes measures of a take, as measuring does.
    pub fn measure(&self, take: ObjectId, numbers: &[(&str, f64)]) {
        let numbers = numbers.iter().map(|(name, v)| ((*name).to_owned(), *v)).collect();
        let measured = Measured {
            numbers,
            look: Vec::new(),
        };
        let index = Index::open(&self.vault).unwrap();
        index.put_measured(&[(take, measured)]).unwrap();
    }

    pub fn look(&self) -> Look {
        Look {
            folder: self.folder.path().to_owned(),
            vault: self.vault.clone(),
            engines: self.engines.clone(),
            by: Actor::person("Ada"),
            shot: SHOT.into(),
            label: "cosmos 010".into(),
            rate: Rate::CINEMA,
        }
    }

    /// The acts of a verb, oldest first.
    pub fn acts(&self, verb: Verb) -> Vec<Act> {
        self.vault.ledger().acts(&Filter::verb(verb)).unwrap()
    }
}

/// Bands, blobs and grain.
fn photograph(path: &Path, width: u32, height: u32) {
    let mut codes = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f32 / 37.0, y as f32 / 29.0);
            let wave = ((u * 1.3 + (v * 0.7).sin() * 2.0).sin() + (v * 1.3).cos()) * 0.25 + 0.5;
            let grain = ((x.wrapping_mul(374_761_393) ^ y.wrapping_mul(668_265_263)) >> 7) % 19;
            let at = |most: f32| (wave * most + 25.0 + grain as f32) as u8;
            codes.push([at(150.0), at(170.0), at(205.0)]);
        }
    }
    heirloom_picture::png::write8(path, &codes, width, height).unwrap();
}

/// A viewer that is served until it is dropped.
pub struct Viewer {
    pub served: Served,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), StudioError>>>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    pub fn well(self) -> Self {
        assert!(
            (200..300).contains(&self.status),
            "{}{}",
            self.head,
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, words: &str) -> Self {
        let said = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{said}");
        assert!(said.contains(words), "nothing of {words:?} in {said}");
        self
    }
}

impl Viewer {
    pub fn of(look: Look) -> Viewer {
        Viewer::at(look, Listen::default())
    }

    /// Served where it is told to.
    pub fn at(look: Look, listen: Listen) -> Viewer {
        let stop = Arc::new(AtomicBool::new(false));
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn({
            let stop = stop.clone();
            move || {
                let ready = |served: &Served| send.send(served.clone()).unwrap();
                serve(look, &listen, ready, &stop)
            }
        });
        Viewer {
            served: receive.recv_timeout(Duration::from_secs(20)).unwrap(),
            stop,
            thread: Some(thread),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.served.address
    }

    /// Sends a request as it stands, and reads the answer to its end.
    pub fn raw(&self, request: &str) -> Answer {
        let mut socket = TcpStream::connect(self.address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// A request with these headers besides those that there have to be.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request += &format!("Host: {}\r\n", self.address());
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if method == "POST" {
            request += &format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        self.raw(&format!("{request}\r\n{body}"))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("x-heirloom-token", &self.served.token)], "")
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("x-heirloom-token", &self.served.token)], body)
    }

    /// Ends it, and says how that went.
    pub fn end(mut self) -> Result<(), StudioError> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
