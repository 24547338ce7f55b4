//! What programs do over sockets, the seeds' stories among it.
use crate::program::{API, Program, base64, consumer, orders};
use crate::town::{KEY, play, seconds};
use futures_util::future::join;
use giant_lizard::history::Event;
use giant_lizard::history::SubscriptionMode::{Exclusive, Failover, KeyShared, Shared};
use giant_lizard::streams::broker::frame::ClientFrame;
use giant_lizard::streams::broker::input::{Attachment, ConsumerOptions, ReadFrom};
use giant_lizard::streams::plan::{HalfOpen, UnknownStream};
use giant_lizard::streams::wire::frame::{Heard, read_heard};
use giant_lizard::wire::websocket::{Close, ConnectError, Frame};
use lizard_sim::Fault;

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[test]
fn what_is_published_before_a_subscription_is_not_picked_up_and_what_comes_after_waits_for_its_consumer() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let mut producer = program.producer().await;
            producer.publish("before").await;
            program.consumer(consumer("s", Exclusive, "c-1")).await.leave().await;
            producer.publish("while nobody is there").await;
            let mut second = program.consumer(consumer("s", Exclusive, "c-1")).await;
            producer.publish("after").await;
            assert_eq!(second.consume_all(2).await, ["while nobody is there", "after"]);
        })
        .await;
    });
}

#[test]
fn a_second_exclusive_consumer_is_refused_and_the_first_is_undisturbed() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let mut first = program.consumer(consumer("s", Exclusive, "c-1")).await;
            let second = Attachment::Consumer(consumer("s", Exclusive, "c-2"));
            // A live first answers the probe while it reads.
            let (told, read) = tokio::sync::oneshot::channel();
            let task = host.spawn(async move {
                let message = first.consume().await;
                drop(told.send((first, message)));
            });
            assert_eq!(program.is_refused(&second).await, "409 Exclusive consumer is already connected");
            program.producer().await.publish("hello").await;
            assert_eq!(read.await.unwrap().1, "hello");
            drop(task);
            let other = Attachment::Consumer(consumer("other", Exclusive, "c-2"));
            assert!(program.attach(&other).await.is_ok(), "another subscription");
        })
        .await;
    });
}

/// How a consumer fares whose place is held by one that lost its power.
fn after_a_power_loss(half_open: HalfOpen) -> String {
    play(7, move |town| async move {
        town.broker("west", &[], move |plan| plan.half_open = half_open);
        town.somebody("first", |host| async move {
            let mut first = Program::new(&host, "west").consumer(consumer("s", Exclusive, "c-1")).await;
            first.next(seconds(600)).await;
        });
        town.stage.sleep(seconds(5)).await;
        town.power_loss("first");
        town.visit("second", |host| async move {
            let second = Attachment::Consumer(consumer("s", Exclusive, "c-2"));
            let program = Program::new(&host, "west");
            let refused = program.is_refused(&second).await;
            host.sleep(seconds(70)).await;
            assert_eq!(program.is_refused(&second).await, "not at all", "the silence was noticed");
            refused
        })
        .await
    })
    .value
}

#[test]
fn the_place_of_a_dead_consumer_is_given_away_when_it_does_not_answer_or_when_its_silence_is_noticed() {
    assert_eq!(after_a_power_loss(HalfOpen::Probed), "not at all");
    assert_eq!(after_a_power_loss(HalfOpen::LockedOut), "409 Exclusive consumer is already connected");
}

#[test]
fn a_standby_gets_everything_unacknowledged_and_then_everything_newer() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let mut active = program.consumer(consumer("s", Failover, "c-1")).await;
            let mut standby = program.consumer(consumer("s", Failover, "c-2")).await;
            let mut producer = program.producer().await;
            for n in numbers(0..10) {
                producer.publish(&n).await;
            }
            assert_eq!(active.consume_all(4).await, numbers(0..4));
            assert_eq!(active.delivered().await.payload, b"4", "and does not acknowledge it");
            assert_eq!(standby.hear(seconds(2)).await, None, "one is active");
            active.leave().await;
            producer.publish("10").await;
            assert_eq!(standby.consume_all(7).await, numbers(4..11));
        })
        .await;
    });
}

#[test]
fn sharing_consumers_take_turns_and_what_one_gives_back_or_leaves_goes_to_another() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let nack_delay = seconds(1);
            let with = |name| ConsumerOptions { nack_delay, ..consumer("s", Shared, name) };
            let (mut one, mut other) = (program.consumer(with("c-1")).await, program.consumer(with("c-2")).await);
            let mut producer = program.producer().await;
            for n in numbers(0..10) {
                producer.publish(&n).await;
            }
            let (at_one, at_other) = (one.consume_all(4).await, other.consume_all(5).await);
            let mut all = [at_one, at_other].concat();
            let last = one.delivered().await;
            assert_eq!(last.redelivery_count, 0);
            one.say(&ClientFrame::Nack(last.message_id));
            let again = if let Some(Heard::Message(again)) = other.hear(seconds(3)).await {
                other.leave().await;
                one.delivered().await.payload == again.payload
            } else {
                // Or it comes to the one who gave it back.
                true
            };
            assert!(again);
            all.push(String::from_utf8(last.payload).unwrap());
            all.sort_by_key(|n| n.parse::<u32>().unwrap());
            assert_eq!(all, numbers(0..10));
        })
        .await;
    });
}

#[test]
fn messages_of_one_key_go_to_one_consumer() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let mut one = program.consumer(consumer("s", KeyShared, "c-1")).await;
            let mut other = program.consumer(consumer("s", KeyShared, "c-2")).await;
            let mut producer = program.producer().await;
            for n in 0..40 {
                producer.offer(&n.to_string(), Some(&format!("key-{}", n % 8)));
                producer.hear(seconds(10)).await.unwrap();
            }
            let mut keys = [Vec::new(), Vec::new()];
            for (consumer, keys) in [&mut one, &mut other].into_iter().zip(&mut keys) {
                while let Some(Heard::Message(message)) = consumer.hear(seconds(1)).await {
                    keys.push(message.key.unwrap());
                }
            }
            assert_eq!(keys[0].len() + keys[1].len(), 40);
            assert!(keys.iter().all(|keys| !keys.is_empty()) && keys[0].iter().all(|key| !keys[1].contains(key)));
        })
        .await;
    });
}

#[test]
fn a_broker_that_lost_its_power_has_everything_that_it_confirmed_and_the_positions_of_its_subscriptions() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("before", |host| async move {
            let program = Program::new(&host, "west");
            let mut consumer = program.consumer(consumer("s", Exclusive, "c-1")).await;
            let mut producer = program.producer().await;
            for n in numbers(0..10) {
                producer.publish(&n).await;
            }
            assert_eq!(consumer.consume_all(4).await, numbers(0..4));
            host.sleep(seconds(10)).await;
            producer.publish("10").await;
        })
        .await;
        town.power_loss("broker-west");
        town.stage.sleep(seconds(1)).await;
        town.boot("broker-west");
        town.visit("after", |host| async move {
            let program = Program::new(&host, "west");
            let mut consumer = program.consumer(consumer("s", Exclusive, "c-1")).await;
            program.producer().await.publish("11").await;
            assert_eq!(consumer.consume_all(8).await, numbers(4..12));
        })
        .await;
    });
}

#[test]
fn a_broker_that_is_stopped_says_goodbye_and_keeps_what_it_confirmed() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        let (tell, told) = tokio::sync::oneshot::channel();
        let tell = std::sync::Mutex::new(Some(tell));
        town.somebody("programs", move |host| {
            let tell = tell.lock().unwrap().take();
            async move {
                let program = Program::new(&host, "west");
                let mut consumer = program.consumer(consumer("s", Exclusive, "c-1")).await;
                program.producer().await.publish("kept").await;
                let goodbye = consumer.closed().await;
                tell.into_iter().for_each(|tell| drop(tell.send(goodbye.clone())));
            }
        });
        town.stage.sleep(seconds(5)).await;
        town.stage.apply(Fault::Stop { host: "broker-west".into() });
        assert_eq!(told.await.unwrap().map(|close| close.code), Some(1001));
        town.stage.sleep(seconds(30)).await;
        town.boot("broker-west");
        town.visit("after", |host| async move {
            let mut consumer = Program::new(&host, "west").consumer(consumer("s", Exclusive, "c-1")).await;
            assert_eq!(consumer.consume().await, "kept");
        })
        .await;
    });
}

#[test]
fn readers_begin_where_they_say_and_keep_nothing() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let keeper = program.consumer(consumer("keeps", Exclusive, "c-1")).await;
            let mut producer = program.producer().await;
            producer.publish("0").await;
            let first = producer.publish("1").await;
            producer.publish("2").await;
            assert_eq!(program.reader(ReadFrom::Earliest).await.consume_all(3).await, numbers(0..3));
            assert_eq!(program.reader(ReadFrom::After(first)).await.consume_all(1).await, ["2"]);
            let mut latest = program.reader(ReadFrom::Latest).await;
            producer.publish("3").await;
            assert_eq!(latest.consume().await, "3");
            latest.say(&ClientFrame::IsEndOfTopic);
            assert_eq!(latest.hear(seconds(1)).await, Some(Heard::EndOfTopic(false)));
            let after = Attachment::Reader {
                topic: orders(),
                name: "r".into(),
                queue: 1,
                from: ReadFrom::After("nonsense".into()),
            };
            assert!(program.is_refused(&after).await.starts_with("400 Invalid query params"));
            keeper.leave().await;
        })
        .await;
    });
}

#[test]
fn a_consumer_that_pulls_gets_what_it_permits_and_a_small_queue_waits_for_acks() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let pulls = ConsumerOptions { pull: true, ..consumer("pulls", Exclusive, "c-1") };
            let waits = ConsumerOptions { queue: 2, ..consumer("waits", Exclusive, "c-1") };
            let (mut pulls, mut waits) = (program.consumer(pulls).await, program.consumer(waits).await);
            let mut producer = program.producer().await;
            for n in numbers(0..5) {
                producer.publish(&n).await;
            }
            assert_eq!(pulls.hear(seconds(1)).await, None);
            pulls.say(&ClientFrame::Permit(3));
            assert_eq!(pulls.consume_all(3).await, numbers(0..3));
            assert_eq!(pulls.hear(seconds(1)).await, None);
            let first = waits.delivered().await;
            waits.delivered().await;
            assert_eq!(waits.hear(seconds(1)).await, None, "two are in its hands");
            waits.say(&ClientFrame::Ack(first.message_id));
            assert_eq!(waits.delivered().await.payload, b"2");
            waits.say(&ClientFrame::Unsubscribe);
        })
        .await;
    });
}

#[test]
fn bad_frames_of_a_producer_are_answered_and_its_socket_stays_open() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let mut producer = Program::new(&host, "west").producer().await;
            for (text, code) in [
                ("{", "send-error:3"),
                ("[]", "send-error:3"),
                (r#"{"payload":"%","context":"7"}"#, "send-error:7"),
                (r#"{"context":"7"}"#, "send-error:7"),
            ] {
                producer.socket.send_text(text);
                match producer.hear(seconds(1)).await {
                    Some(Heard::Failed { result, context, .. }) => {
                        assert_eq!((&*result, context.is_some()), (code, text.contains("context")), "{text}");
                    }
                    other => panic!("{other:?}"),
                }
            }
            producer.publish("good").await;
            // Without a context there is none in the answer.
            producer.socket.send_text(format!("{{\"payload\": \"{}\"}}", base64("x")));
            let Some(Frame::Text(text)) = producer.next(seconds(1)).await else { panic!("no answer") };
            assert!(!text.contains("context") && !text.contains("null"), "{text}");
            assert!(matches!(read_heard(&text), Ok(Heard::Confirmed { context: None, .. })));
        })
        .await;
    });
}

#[test]
fn bad_frames_of_a_consumer_cost_its_socket() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            for text in ["{", "[]", "{}", r#"{"type":"permit"}"#, r#"{"messageId":"%"}"#, r#"{"messageId":"aGVsbG8="}"#]
            {
                let mut consumer = program.consumer(consumer("s", Shared, "c-1")).await;
                consumer.socket.send_text(text);
                assert_eq!(consumer.closed().await.map(|close| close.code), Some(1003), "{text}");
            }
            let mut binary = program.consumer(consumer("s", Shared, "c-1")).await;
            binary.socket.send(Frame::Binary(vec![1, 2].into()));
            assert_eq!(binary.closed().await, Some(Close::new(1003, "frames are text")));
            let mut large = program.producer().await;
            large.socket.send_text(" ".repeat((5 << 20) + 1));
            assert_eq!(large.closed().await.map(|close| close.code), Some(1009));
            // As large as it may be.
            let mut large = program.producer().await;
            let payload = base64(&"x".repeat((15 << 18) - 100));
            large.socket.send_text(format!("{{\"payload\":\"{payload}\"}}"));
            assert!(matches!(large.hear(seconds(30)).await, Some(Heard::Confirmed { .. })));
        })
        .await;
    });
}

#[test]
fn a_one_time_password_opens_one_socket_within_ten_seconds_and_the_key_opens_all() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let path = "/_ws/ws/v2/producer/persistent/acme/c8global._system/c8globals.orders";
            let status = |answer: Result<_, ConnectError>| match answer {
                Ok(_) => 101,
                Err(ConnectError::Refused(response)) => response.status,
                Err(error) => panic!("{error}"),
            };
            let password = program.password().await;
            let with = |password: &str| format!("{path}?otp={password}");
            // The JavaScript SDK's header, when it is pointed at a host with user information.
            let basic = [("authorization", "Basic YXBpLXg6")];
            assert_eq!(status(program.attach_at(&with(&password), &basic).await), 101);
            assert_eq!(status(program.attach_at(&with(&password), &[]).await), 401);
            let late = program.password().await;
            host.sleep(seconds(10)).await;
            assert_eq!(status(program.attach_at(&with(&late), &[]).await), 401);
            for (header, wanted) in [
                (format!("apikey {KEY}"), 101),
                (format!("Bearer {KEY}"), 101),
                ("apikey other".to_owned(), 401),
                ("Basic YXBpLXg6".to_owned(), 401),
            ] {
                assert_eq!(status(program.attach_at(path, &[("authorization", &header)]).await), wanted, "{header}");
            }
            let unused = program.password().await;
            let rest = format!("{API}/streams?otp={unused}");
            assert_eq!(program.attach_at(&rest, &[]).await.map(drop).map_err(|error| error.to_string()), {
                Err("handshake status 401".to_owned())
            });
        })
        .await;
    });
}

#[test]
fn a_socket_may_come_before_its_stream_or_may_not() {
    let refused = |unknown_stream| {
        play(7, move |town| async move {
            town.broker("west", &[], move |plan| plan.unknown_stream = unknown_stream);
            town.visit("programs", |host| async move {
                let program = Program::new(&host, "west");
                let producer = Attachment::Producer { topic: orders(), name: None };
                (
                    program.is_refused(&producer).await,
                    program.ask("POST", &format!("{API}/streams/orders?global=true"), "").await.0,
                )
            })
            .await
        })
        .value
    };
    assert_eq!(refused(UnknownStream::Creates), ("not at all".into(), 409));
    assert_eq!(refused(UnknownStream::Refuses), ("404 stream not found".into(), 202));
}

#[test]
fn answers_that_nobody_reads_stop_nobody() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let mut consumer = program.consumer(consumer("s", Exclusive, "c-1")).await;
            let mut producer = program.producer().await;
            // Only written, never read: more answers than the window holds.
            for n in 0..5000 {
                producer.offer(&n.to_string(), None);
            }
            producer.socket.flush().await.unwrap();
            assert_eq!(consumer.consume_all(5000).await.len(), 5000);
        })
        .await;
    });
}

#[test]
fn a_silent_socket_is_pinged_and_closed_after_two_periods() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let mut answers = program.consumer(consumer("answers", Exclusive, "c-1")).await;
            assert_eq!(answers.next(seconds(300)).await, None, "its pongs keep it");
            answers.say(&ClientFrame::IsEndOfTopic);
            assert_eq!(answers.hear(seconds(1)).await, Some(Heard::EndOfTopic(false)));
            let mut mute = program.consumer(consumer("mute", Exclusive, "c-1")).await;
            host.sleep(seconds(61)).await;
            assert_eq!(mute.closed().await.map(|close| close.code), Some(1001));
        })
        .await;
    });
}

#[test]
fn a_broker_may_end_while_somebody_waits_to_be_let_in() {
    let host = || "broker-west".to_owned();
    for fault in [Fault::PowerLoss { host: host() }, Fault::Crash { host: host() }] {
        play(7, move |town| async move {
            town.broker("west", &[], |_| {});
            town.somebody("first", |host| async move {
                Program::new(&host, "west").consumer(consumer("s", Exclusive, "c-1")).await.next(seconds(600)).await;
            });
            town.stage.sleep(seconds(5)).await;
            town.power_loss("first");
            let second = || Attachment::Consumer(consumer("s", Exclusive, "c-2"));
            let attempt = town.visit("second", move |host| async move {
                let program = Program::new(&host, "west");
                host.within(seconds(10), program.attach(&second())).await.is_ok_and(|let_in| let_in.is_ok())
            });
            let attack = async {
                // In the middle of the second in which the first is probed.
                town.stage.sleep(std::time::Duration::from_millis(500)).await;
                town.stage.apply(fault);
                town.stage.sleep(seconds(15)).await;
                town.boot("broker-west");
            };
            assert!(!join(attempt, attack).await.0);
            let third = move |host| async move { Program::new(&host, "west").attach(&second()).await.is_ok() };
            assert!(town.visit("third", third).await);
        });
    }
}

#[test]
fn a_full_disk_confirms_nothing_and_loses_nothing() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        let disk = |on| Fault::DiskFull { host: "broker-west".into(), on };
        let stage = town.stage;
        let program = town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let mut consumer = program.consumer(consumer("s", Exclusive, "c-1")).await;
            let mut producer = program.producer().await;
            producer.publish("before").await;
            host.sleep(seconds(10)).await;
            producer.offer("meanwhile", None);
            match producer.hear(seconds(10)).await {
                Some(Heard::Failed { result, .. }) => assert_eq!(result, "send-error:8"),
                other => panic!("{other:?}"),
            }
            // What it sent behind must not be stored before it: it connects anew and begins there.
            assert_eq!(producer.closed().await.map(|close| close.code), Some(1011));
            host.sleep(seconds(10)).await;
            let mut producer = program.producer().await;
            producer.publish("meanwhile").await;
            producer.publish("after").await;
            assert_eq!(consumer.consume_all(3).await, ["before", "meanwhile", "after"]);
        });
        let fault = async {
            stage.sleep(seconds(5)).await;
            stage.apply(disk(true));
            stage.sleep(seconds(10)).await;
            stage.apply(disk(false));
        };
        join(program, fault).await;
    });
}

#[test]
fn a_clients_session_has_its_own_number_in_the_history_and_so_have_its_messages() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("till", |host| async move {
            let program = Program::new(&host, "west");
            let target = "/_ws/ws/v2/producer/persistent/_mm/c8global._system/c8globals.orders";
            let (key, agent) = (format!("apikey {KEY}"), giant_lizard::wire::agent::agent(1_000_001));
            let headers = [("authorization", key.as_str()), ("user-agent", agent.as_str())];
            let mut producer = program.attach_at(target, &headers).await.unwrap();
            let message = giant_lizard::wire::payload::Payload::new("till", 7).to_bytes();
            producer.publish(std::str::from_utf8(&message).unwrap()).await;
            producer.publish("a stranger's").await;
            producer.leave().await;
        })
        .await;
        town.stage.sleep(seconds(1)).await;
        let told = town.chronicle.pick(|event| match event {
            Event::SessionOpened { client, session } => Some(format!("{client} opened {session}")),
            Event::SessionEnded { client, session, why } => Some(format!("{client} ended {session}: {why}")),
            Event::Stored { message } => Some(format!("stored {}", message.number)),
            _ => None,
        });
        assert_eq!(told, ["till opened 1000001", "stored 7", "till ended 1000001: closed by the client"]);
    });
}
