//! A broker's port: who is let in, and what each request is answered with.
use super::call::Refusal;
use super::driver::Core;
use super::input::{Attachment, Session};
use super::line;
use crate::host::Listener;
use crate::streams::plan::PORT;
use crate::streams::wire::asked::{self, Asked};
use crate::streams::wire::{answer, credentials};
use crate::wire::agent;
use crate::wire::http::{Request, Response, Unreadable};
use crate::wire::websocket::{self, Handshake, NoHandshake, Reply};
use hyper::header::USER_AGENT;
use std::sync::Arc;

/// The largest body of a request: a message as large as a socket takes it, in base64 within a page of replication.
const BODY_LIMIT: usize = 8 << 20;

/// Answers on the broker's port for as long as it can.
pub(super) async fn serve(core: Arc<Core>, listener: Listener) {
    let host = core.host().clone();
    let answer = move |request| answer_to(core.clone(), request);
    if let Err(error) = websocket::serve(host.clone(), listener, BODY_LIMIT, answer).await {
        host.record(crate::history::Event::Note { text: format!("port {PORT} no longer answers: {error}") });
    }
}

async fn answer_to(core: Arc<Core>, request: Result<Request, Unreadable>) -> Reply {
    match request {
        Err(why) => answer::unreadable(&why).into(),
        Ok(request) => match answer_known(core, request).await {
            Ok(reply) => reply,
            Err(refusal) => answer::refused(&refusal).into(),
        },
    }
}

async fn answer_known(core: Arc<Core>, mut request: Request) -> Result<Reply, Refusal> {
    if !is_known(&core, &request) {
        return Err(Refusal { status: 401, number: 11, message: "forbidden".into() });
    }
    let tenant = credentials::tenant_of(core.api_key());
    let response = match asked::read(&request, tenant, core.wall_clock(), || core.fresh_name())? {
        Asked::Socket(attachment) => return open(core, &mut request, attachment).await,
        Asked::Rest(call) => answer::of_call(core.ask(call).await),
        Asked::Replicate(page) => answer::of_replication(core.take_in(page).await),
        Asked::OneTimePassword => answer::one_time_password(&core.issue_password()),
        Asked::User => answer::user(),
        Asked::Datacenter => answer::datacenter(core.region(), core.host().name()),
    };
    Ok(Response::into(response))
}

fn is_known(core: &Core, request: &Request) -> bool {
    credentials::shows_key(request, core.api_key())
        || asked::is_for_socket(request)
            && credentials::one_time_password(request).is_some_and(|password| core.redeem_password(password))
}

async fn open(core: Arc<Core>, request: &mut Request, attachment: Attachment) -> Result<Reply, Refusal> {
    let handshake = Handshake::of(request).map_err(|NoHandshake(status, why)| Refusal {
        status,
        number: status.into(),
        message: why.to_owned(),
    })?;
    let number = request.header(USER_AGENT).and_then(agent::session_of);
    let session = number.map(|number| Session { client: request.peer.clone(), number });
    let kind = line::Kind::of(&attachment);
    let line = core.attach(attachment, session).await?;
    let (reply, handover) = handshake.accept();
    core.host().spawn(line::serve(core.clone(), line, kind, handover));
    Ok(reply)
}
