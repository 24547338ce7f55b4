use super::*;
use crate::history::{Entry, History, Roster, Witness};
use crate::host::{AbortTask, Accepted, BoxFuture, Disk, Engine, Host, Listen, Stream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

const SECOND: Duration = Duration::from_secs(1);

/// Pipes between hosts of one process: no faults, no latency, paused time.
#[derive(Clone, Default)]
struct Pipes {
    listening: Arc<Mutex<BTreeMap<u16, mpsc::UnboundedSender<Accepted>>>>,
    connects: Arc<AtomicU32>,
    began: Arc<Mutex<Option<tokio::time::Instant>>>,
}

struct Deaf;
impl Witness for Deaf {
    fn see(&mut self, _: &Entry) {}
}

struct Handle(tokio::task::AbortHandle);
impl AbortTask for Handle {
    fn abort(self: Box<Self>) {
        self.0.abort();
    }
}

struct Inbox(tokio::sync::Mutex<mpsc::UnboundedReceiver<Accepted>>);
impl Listen for Inbox {
    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async { self.0.lock().await.recv().await.ok_or_else(|| io::ErrorKind::BrokenPipe.into()) })
    }
}

impl Engine for Pipes {
    fn now(&self) -> Duration {
        self.began.lock().unwrap().get_or_insert_with(tokio::time::Instant::now).elapsed()
    }
    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(at.saturating_sub(self.now())))
    }
    fn dice(&self, _: &str) -> lizard_sim::Dice {
        unreachable!("http draws nothing")
    }
    fn connect(&self, _: &str, port: u16) -> BoxFuture<'static, io::Result<Stream>> {
        self.connects.fetch_add(1, Ordering::Relaxed);
        let inbox = self.listening.lock().unwrap().get(&port).cloned();
        Box::pin(async move {
            let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            let accepted = Accepted { stream: Box::new(theirs), peer: "asker".into() };
            inbox.ok_or_else(refused)?.send(accepted).map_err(|_| refused())?;
            Ok(Box::new(ours) as Stream)
        })
    }
    fn listen(&self, port: u16) -> io::Result<Box<dyn Listen>> {
        let (sender, inbox) = mpsc::unbounded_channel();
        self.listening.lock().unwrap().insert(port, sender);
        Ok(Box::new(Inbox(tokio::sync::Mutex::new(inbox))))
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Box<dyn AbortTask> {
        Box::new(Handle(tokio::runtime::Handle::current().spawn(task).abort_handle()))
    }
    fn disk(&self) -> Box<dyn Disk> {
        unreachable!("http keeps nothing")
    }
    fn stopping(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

impl Pipes {
    fn host(&self) -> Host {
        let history = History::new(Arc::new(Roster::default()), Arc::new(Mutex::new(Deaf)));
        Host::new("somewhere".into(), 1, Arc::new(self.clone()), history)
    }
    fn serve<F>(&self, port: u16, handler: F)
    where
        F: Fn(Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static,
    {
        let host = self.host();
        self.host().spawn(async move { serve(host, port, handler).await.unwrap() });
    }
    async fn client(&self, port: u16) -> Client {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Client::new(self.host(), "hub-a".into(), port, 5 * SECOND)
    }
    fn connects(&self) -> u32 {
        self.connects.load(Ordering::Relaxed)
    }
}

fn story<F: Future<Output = ()>>(tell: impl FnOnce(Pipes) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(tell(Pipes::default()));
}

fn echo(request: Request) -> BoxFuture<'static, Response> {
    Box::pin(async move {
        match (request.method.as_str(), request.segments().as_slice()) {
            ("PUT", ["devices", id]) => Response::json(200, &format!("{id} from {}", request.peer)),
            ("POST", ["echo"]) => Response { status: 200, body: request.body.clone() },
            ("GET", ["query"]) => Response::json(200, &request.query),
            ("GET", ["never"]) => std::future::pending().await,
            ("DELETE", _) => Response::empty(204),
            _ => Response::error(404_000, "no such thing"),
        }
    })
}

#[test]
fn requests_and_answers_travel_whole_over_one_kept_connection() {
    story(|pipes| async move {
        pipes.serve(80, echo);
        let mut client = pipes.client(80).await;
        let put = client.request("PUT", "/devices/a%2Fb%20c", "").await.unwrap();
        assert_eq!((put.status, put.read::<String>().unwrap()), (200, "a/b c from asker".to_owned()));
        let query = client.request("GET", "/query?from=3&wait=10s&bare", "").await.unwrap();
        let query: BTreeMap<String, String> = query.read().unwrap();
        assert_eq!(query["from"], "3");
        assert_eq!(query["bare"], "");
        let body = vec![7; REQUEST_LIMIT];
        assert_eq!(client.request("POST", "/echo", body.clone()).await.unwrap().body, body);
        assert_eq!(client.request("DELETE", "/x", "").await.unwrap(), Response::empty(204));
        let missing = client.request("GET", "/nothing", "").await.unwrap();
        assert_eq!(missing.status, 404);
        assert_eq!(missing.read::<serde_json::Value>().unwrap()["errorCode"], 404_000);
        assert_eq!(pipes.connects(), 1);
    });
}

#[test]
fn a_body_over_the_limit_is_answered_with_413_and_never_reaches_the_handler() {
    story(|pipes| async move {
        pipes.serve(80, echo);
        let mut client = pipes.client(80).await;
        let answer = client.request("POST", "/echo", vec![7; REQUEST_LIMIT + 1]).await.unwrap();
        assert_eq!(answer.status, 413);
        assert_eq!(client.request("POST", "/echo", "after").await.unwrap().body, "after");
    });
}

#[test]
fn malformed_requests_are_answered_with_400() {
    for malformed in [
        "GET\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET /%ff HTTP/1.1\r\nhost: hub-a\r\n\r\n",
        "GET /?a=%ff HTTP/1.1\r\nhost: hub-a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: hub-a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: hub-a\r\ncontent-length: many\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: hub-a\r\ntransfer-encoding: chunked\r\n\r\nnot a size\r\n",
    ] {
        story(|pipes| async move {
            pipes.serve(80, echo);
            tokio::time::sleep(Duration::from_millis(1)).await;
            let mut stream = pipes.host().connect("hub-a", 80).await.unwrap();
            stream.write_all(malformed.as_bytes()).await.unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(std::str::from_utf8(&head).unwrap(), "HTTP/1.1 400", "{malformed:?}");
        });
    }
}

#[test]
fn answers_carry_no_date() {
    story(|pipes| async move {
        pipes.serve(80, echo);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut stream = pipes.host().connect("hub-a", 80).await.unwrap();
        stream.write_all(b"DELETE / HTTP/1.1\r\nhost: hub-a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
        assert!(!answer.to_lowercase().contains("date:"), "{answer}");
    });
}

#[test]
fn a_request_without_an_answer_ends_at_its_time_out_and_the_next_one_connects_again() {
    story(|pipes| async move {
        pipes.serve(80, echo);
        let mut client = pipes.client(80).await;
        let began = pipes.now();
        let silence = client.request("GET", "/never", "").await;
        assert!(matches!(silence, Err(HttpError::TimedOut(_))), "{silence:?}");
        assert_eq!(pipes.now() - began, 5 * SECOND);
        assert_eq!(client.request("POST", "/echo", "hello").await.unwrap().body, "hello");
        assert_eq!(pipes.connects(), 2);
    });
}

#[test]
fn a_service_that_closed_a_kept_connection_is_asked_again_over_a_new_one() {
    story(|pipes| async move {
        pipes.serve(80, echo);
        let mut client = pipes.client(80).await;
        client.request("POST", "/echo", "one").await.unwrap();
        tokio::time::sleep(3 * IDLE_LIMIT).await;
        assert_eq!(client.request("POST", "/echo", "two").await.unwrap().body, "two");
        assert_eq!(pipes.connects(), 2);
    });
}

#[test]
fn a_connection_that_ends_without_an_answer_is_an_error() {
    story(|pipes| async move {
        let listener = pipes.host().listen(80).unwrap();
        pipes.host().spawn(async move {
            let mut stream = listener.accept().await.unwrap().stream;
            stream.read_exact(&mut [0; 4]).await.unwrap();
        });
        let mut client = pipes.client(80).await;
        assert!(matches!(client.request("GET", "/", "").await, Err(HttpError::Failed(_))));
        assert!(matches!(client.request("GET", "/", "").await, Err(HttpError::Connect(_))));
        assert!(matches!(client.request("GET", "no target at all", "").await, Err(HttpError::BadRequest(_))));
    });
}

#[test]
fn a_long_poll_is_dropped_when_its_asker_goes_away_and_outlives_the_idle_limit_when_not() {
    story(|pipes| async move {
        let waiting = Arc::new(());
        let held = waiting.clone();
        pipes.serve(80, move |_| {
            let held = held.clone();
            Box::pin(async move {
                tokio::time::sleep(5 * IDLE_LIMIT).await;
                drop(held);
                Response::empty(200)
            })
        });
        let mut client = pipes.client(80).await;
        assert_eq!(client.request_within(6 * IDLE_LIMIT, "GET", "/", "").await.unwrap().status, 200);
        assert!(client.request("GET", "/", "").await.is_err());
        tokio::time::sleep(SECOND).await;
        assert_eq!(Arc::strong_count(&waiting), 2, "only the service's own");
    });
}

#[test]
fn an_error_answers_with_the_status_its_code_begins_with() {
    assert_eq!(Response::error(404_001, "device not found").status, 404);
    assert_eq!(Response::error(429_002, "throttled").status, 429);
    assert_eq!(Response::error(7, "no error code").status, 500);
    let body: serde_json::Value = Response::error(403_004, "queue full").read().unwrap();
    assert_eq!(body, serde_json::json!({ "errorCode": 403_004, "message": "queue full" }));
}

#[test]
fn a_pool_asks_as_many_things_at_once_as_it_has_connections_and_keeps_them() {
    story(|pipes| async move {
        pipes.serve(80, |_| {
            Box::pin(async {
                tokio::time::sleep(SECOND).await;
                Response::empty(200)
            })
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
        let pool = Arc::new(Pool::new(pipes.host(), "hub-a".into(), 80, 5 * SECOND, 2));
        let began = pipes.now();
        let (done, mut all) = mpsc::unbounded_channel();
        for _ in 0..6 {
            let (pool, done) = (pool.clone(), done.clone());
            pipes.host().spawn(async move { done.send(pool.request("GET", "/", "").await.unwrap().status).unwrap() });
        }
        for _ in 0..6 {
            assert_eq!(all.recv().await, Some(200));
        }
        assert_eq!((pipes.connects(), (pipes.now() - began).as_secs()), (2, 3));
    });
}

proptest! {
    #[test]
    fn whatever_target_comes_it_is_read_or_refused(target in "\\PC{0,60}|(/|[?]|&|=|%|[a-f0-9]){0,40}") {
        if let Ok(request) = Request::new("GET", &target, "", "somebody".into()) {
            prop_assert!(target.starts_with('/') && !request.segments().is_empty());
        }
    }
    #[test]
    fn what_is_encoded_is_read_back(segment in "\\PC{0,20}", key in "\\PC{1,10}", value in "\\PC{0,20}") {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let target = format!("/devices/{}?{}={}", encoded(&segment), encoded(&key), encoded(&value));
        let request = Request::new("GET", &target, "", "somebody".into()).unwrap();
        prop_assert_eq!(request.segments(), ["devices", &*segment]);
        prop_assert_eq!(&request.query[&key], &value);
    }
}
