//! A real browser, as far as a test needs one: the DevTools protocol over a WebSocket.
//!
//! Source: Chrome DevTools Protocol, domains Target, Page, Runtime, Log, Network, Input, Emulation.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// By these names systems know it.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// How long to wait for anything: two cold cores that are shared are slow.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(50);

/// A browser with one page, and everything that it said.
pub(super) struct Browser {
    process: Child,
    profile: PathBuf,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    sent: u64,
    /// Notices of the page, in their order.
    notices: Vec<Value>,
}

impl Browser {
    /// Starts one; `None`, with a note to whoever runs the tests, where there is none.
    pub(super) fn start(name: &str) -> Option<Self> {
        let Some(program) = program() else {
            // Past the capture of the test's output: a test that did not run must not look as if it had.
            let why = "no Chromium or Chrome in PATH (Debian: apt-get install chromium)";
            let _ = std::io::stderr().write_all(format!("\nnote: {name} is skipped: {why}\n").as_bytes());
            return None;
        };
        let profile = std::env::temp_dir().join(format!("lizard-browser-{name}-{}", std::process::id()));
        fs::create_dir_all(&profile).expect("a folder");
        let process = Command::new(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        let (port, path) = address(&profile.join("DevToolsActivePort"));
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the browser listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        let url = format!("ws://127.0.0.1:{port}{path}");
        let (socket, _) = tungstenite::client(url, stream).expect("the browser speaks WebSocket");
        let mut browser = Self { process, profile, socket, session: None, sent: 0, notices: Vec::new() };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Says how wide and high its window is, and whether the user likes it dark.
    pub(super) fn looks(&mut self, width: u32, height: u32, dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        // And without motion: what is still scrolling cannot be hit.
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Opens a report and waits until it has drawn itself. `fragment`: with its `#`, or nothing.
    pub(super) fn open(&mut self, file: &Path, fragment: &str) {
        // Elsewhere first: another fragment of one page would not load it anew.
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        self.notices.clear();
        self.call("Page.navigate", json!({ "url": format!("file://{}{fragment}", file.display()) }));
        self.until("document.documentElement && document.documentElement.dataset.ready === 'yes'");
        self.settle();
    }

    /// Waits until what was asked for is drawn: a canvas is painted in the frame after.
    pub(super) fn settle(&mut self) {
        self.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))");
    }

    /// What an expression is, in the page.
    pub(super) fn ask(&mut self, expression: &str) -> Value {
        let question = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", question);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub(super) fn until(&mut self, expression: &str) {
        let glances = PATIENCE.as_millis() / GLANCE.as_millis();
        for _ in 0..glances {
            // Between two documents there is nobody to ask.
            let question = json!({ "expression": expression, "returnByValue": true });
            if self.try_call("Runtime.evaluate", question).is_ok_and(|answer| answer["result"]["value"] == true) {
                return;
            }
            wait();
        }
        panic!("never true: {expression}; it said {:?}", self.notices);
    }

    /// Waits until an expression is true in the page of a frame; frames count from 0, in the order of the page.
    pub(super) fn until_in_frame(&mut self, frame: usize, expression: &str) {
        let glances = PATIENCE.as_millis() / GLANCE.as_millis();
        for _ in 0..glances {
            let question = json!({ "expression": expression, "returnByValue": true, "contextId": self.context(frame) });
            if self.try_call("Runtime.evaluate", question).is_ok_and(|answer| answer["result"]["value"] == true) {
                return;
            }
            wait();
        }
        panic!("never true in frame {frame}: {expression}; it said {:?}", self.notices);
    }

    /// Where the scripts of a frame run: each document has its own context, and the page's own is the first.
    fn context(&self, frame: usize) -> Value {
        let created = self.notices.iter().filter(|notice| notice["method"] == "Runtime.executionContextCreated");
        let contexts = created.map(|notice| &notice["params"]["context"]);
        let named =
            contexts.filter(|context| context["origin"].as_str().is_some_and(|origin| origin.contains("file:")));
        let mut frames: Vec<(&Value, &Value)> = Vec::new();
        for context in named {
            let of = &context["auxData"]["frameId"];
            frames.retain(|(other, _)| *other != of);
            frames.push((of, &context["id"]));
        }
        frames.get(frame + 1).map_or(Value::Null, |(_, id)| (*id).clone())
    }

    /// Presses a key, as a keyboard does.
    pub(super) fn press(&mut self, key: &str) {
        // What the browser itself does with a key (submits a form, closes a dialogue) hangs on its old number.
        let number = match key {
            "Enter" => 13,
            "Escape" => 27,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            _ => 0,
        };
        let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": number });
        if key == "Enter" {
            down["text"] = "\r".into();
        } else if key.chars().count() == 1 {
            down["text"] = key.into();
        }
        self.call("Input.dispatchKeyEvent", down);
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
        self.settle();
    }

    /// Types a text where the focus is.
    pub(super) fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
        self.settle();
    }

    /// Clicks with the mouse into the middle of the first element that a selector finds.
    pub(super) fn click(&mut self, selector: &str) {
        let spot = format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{ block: 'center' }}); \
             const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; }})()",
            json!(selector)
        );
        let spot = self.ask(&spot);
        self.click_at(spot[0].as_f64().expect("a place"), spot[1].as_f64().expect("a place"));
    }

    /// Clicks at a place of the window.
    pub(super) fn click_at(&mut self, x: f64, y: f64) {
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event);
        }
        self.settle();
    }

    /// Leaves a picture among those that CI keeps.
    pub(super) fn picture(&mut self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci/screenshots");
        fs::create_dir_all(&folder).expect("a folder");
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let png = STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("it is Base64");
        fs::write(folder.join(format!("{name}.png")), png).expect("it can be written");
    }

    /// Errors and warnings of the page since it was opened: of its scripts, its console, the browser's checks.
    pub(super) fn complaints(&mut self) -> Vec<Value> {
        self.settle();
        let complains = |notice: &&Value| match notice["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Log.entryAdded") => true,
            Some("Runtime.consoleAPICalled") => notice["params"]["type"] != "log",
            _ => false,
        };
        self.notices.iter().filter(complains).cloned().collect()
    }

    /// What it asked of any network since it was opened, the file itself aside.
    pub(super) fn requests(&self) -> Vec<String> {
        let asked = self.notices.iter().filter(|notice| notice["method"] == "Network.requestWillBeSent");
        let urls = asked.filter_map(|notice| notice["params"]["request"]["url"].as_str());
        urls.filter(|url| !url.starts_with("file://") && !url.starts_with("data:")).map(str::to_owned).collect()
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.sent += 1;
        let mut call = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = session.as_str().into();
        }
        self.socket.send(Message::text(call.to_string())).expect("the browser listens");
        loop {
            let message = self.socket.read().unwrap_or_else(|error| panic!("{method}: {error}"));
            let Ok(text) = message.to_text() else { continue };
            let Ok(mut answer) = serde_json::from_str::<Value>(text) else { continue };
            if answer["id"] == self.sent {
                let error = answer["error"].take();
                return if error.is_null() { Ok(answer["result"].take()) } else { Err(error) };
            }
            if answer["method"].is_string() {
                self.notices.push(answer);
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name))).find(|file| file.is_file())
}

/// The port and path that the browser writes down when it is ready.
fn address(file: &Path) -> (u16, String) {
    for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
        let text = fs::read_to_string(file).unwrap_or_default();
        if let Some((port, path)) = text.split_once('\n')
            && !path.is_empty()
        {
            return (port.parse().expect("a port"), path.trim_end().to_owned());
        }
        wait();
    }
    panic!("the browser wrote no {}", file.display());
}

#[expect(clippy::disallowed_methods, reason = "a browser lives in real time")]
fn wait() {
    std::thread::sleep(GLANCE);
}
