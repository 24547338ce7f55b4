//! Whom a stream wakes that several have waited for.
use super::*;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Waker};
use tokio::io::{AsyncRead, ReadBuf};

/// Whether a stream has something to read. It is to wake `waker` when it has.
fn has_news(stream: &mut Stream, waker: &Waker) -> bool {
    let (mut space, mut cx) = ([0; 1], Context::from_waker(waker));
    Pin::new(stream).poll_read(&mut cx, &mut ReadBuf::new(&mut space)).is_ready()
}

#[test]
fn a_stream_wakes_the_task_that_looked_last_however_often_others_looked_before() {
    let log = Log::default();
    let said = log.clone();
    World::new(0)
        .run(|world| async move {
            world.host("server", "west", move |host| {
                let said = said.clone();
                async move {
                    let mut stream = host.listen(9).unwrap().accept().await.unwrap();
                    let looked = poll_fn(|cx| {
                        let wakers = [Waker::noop(), cx.waker(), cx.waker(), Waker::noop(), Waker::noop()];
                        wakers.map(|waker| has_news(&mut stream, waker)).into()
                    });
                    assert_eq!(looked.await, [false; 5]);
                    let reader = host.spawn(async move {
                        let mut buffer = [0; 5];
                        stream.read_exact(&mut buffer).await.unwrap();
                        said.say(host, String::from_utf8_lossy(&buffer));
                    });
                    reader.await;
                }
            });
            world.host("client", "east", |host| async move {
                let mut stream = host.connect("server", 9).await.unwrap();
                host.sleep(SECOND).await;
                stream.write_all(b"hello").await.unwrap();
                host.sleep(SECOND).await;
            });
            world.sleep(5 * SECOND).await;
        })
        .unwrap();
    assert_eq!(log.words(), ["hello"]);
}
