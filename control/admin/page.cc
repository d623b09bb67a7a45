// SPDX-License-Identifier: Apache-2.0
// The page: markup, style and script. It asks the API every two seconds and shows what it says.
#include "control/admin/page.hh"

#include <algorithm>
#include <iterator>

namespace holdfast::admin {
namespace {

constexpr const char* kMarkup = R"page(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast</title>
<link rel="stylesheet" href="/page.css">
</head>
<body>
<header><h1>Holdfast</h1><span id="state" class="pill">...</span><span id="age"></span></header>
<ul id="warnings"></ul>
<section class="tiles" id="tiles"></section>
<h2>Servers of the centre</h2><table id="servers"></table>
<h2>Changes of state</h2><table id="transitions"></table>
<h2>Calls that live</h2><table id="live"></table>
<h2>Registrations</h2><table id="registrations"></table>
<h2>Calls and what they lost</h2>
<p class="note"><em>lost</em> was counted at our port, on the way to us. <em>beyond</em> is what the
far end's RTCP says of its way from us; a dash: it sends no reports. <em>by us</em> came to us and
went no further, or was missed while the dataplane was down; what came to the call's ports from another
address or port than its media (<em>wrong_source</em>) is not in it. <em>lost</em> is a dash for a call of
whose media nothing came to us.</p>
<table id="calls"></table>
<h2>Losses per minute</h2><table id="minutes"></table>
<script src="/page.js"></script>
</body>
</html>
)page";

constexpr const char* kStyle = R"page(:root { color-scheme: light dark; --line: #8884; }
body { font: 14px/1.4 system-ui, sans-serif; margin: 0 auto; max-width: 1200px; padding: 1rem; }
header { display: flex; align-items: center; gap: 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
.pill { padding: .1rem .7rem; border-radius: 1rem; background: #8883; }
.online { background: #2a72; } .suspect, .recovering { background: #d802; }
.survival, .stale { background: #c222; }
#age, .note { opacity: .7; }
#warnings:empty { display: none; }
#warnings { background: #d802; padding: .5rem 2rem; border-radius: .4rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; margin-top: .8rem; }
.tiles div { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .8rem; }
.tiles b { display: block; font-size: 1.3rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; vertical-align: top; }
th { font-weight: 600; opacity: .8; } td.n, th.n { text-align: right; }
td.bad { color: #c33; font-weight: 600; }
)page";

// Everything that came from the network goes in as text, never as markup.
constexpr const char* kScript = R"page('use strict';
const $ = id => document.getElementById(id);
function cell(tag, value, kind) {
  const c = document.createElement(tag);
  c.textContent = value === null || value === undefined || value === '' ? '-' : String(value);
  if (kind) c.className = kind;
  return c;
}
function fill(id, columns, rows, empty) {
  const table = $(id);
  table.replaceChildren();
  if (!rows.length) { table.append(cell('caption', empty)); return; }
  const head = document.createElement('tr');
  for (const [title, , kind] of columns) head.append(cell('th', title, kind ? 'n' : ''));
  table.append(head);
  for (const row of rows) {
    const line = document.createElement('tr');
    for (const [, get, kind] of columns) {
      const value = get(row);
      line.append(cell('td', value, kind === 'loss' && value > 0 ? 'n bad' : kind ? 'n' : ''));
    }
    table.append(line);
  }
}
const ours = totals => totals.dropped_by_us + totals.lost_by_us;
const time = text => text ? text.slice(0, 19).replace('T', ' ') : '';
function span(s) {
  if (s === null || s === undefined) return '';
  if (s < 60) return s + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min ' + s % 60 + ' s';
  return Math.floor(s / 3600) + ' h ' + Math.floor(s / 60) % 60 + ' min';
}
async function get(path) {
  const answer = await fetch(path, {cache: 'no-store'});
  if (!answer.ok) throw new Error(path + ': ' + answer.status);
  return answer.json();
}
function show(status, upstreams, registrations, calls, loss) {
  $('state').textContent = status.state + (status.draining ? ', draining' : '');
  $('state').className = 'pill ' + status.state;
  $('age').textContent = 'version ' + status.version + ', up ' + span(status.uptime_s) + ', ' +
    time(status.time) + ' UTC';
  $('warnings').replaceChildren(...status.warnings.map(w => cell('li', w)));
  const tiles = [['calls', status.calls], ['registrations', status.registrations],
    ['servers up', status.upstreams.up + ' of ' + status.upstreams.known],
    ['media', status.media.state], ['anchored calls', status.media.calls_anchored],
    ['records', status.records.state], ['packets lost', loss.totals.lost],
    ['beyond our port', loss.totals.lost_beyond], ['lost by us', ours(loss.totals)]];
  $('tiles').replaceChildren(...tiles.map(([name, value]) => {
    const tile = document.createElement('div');
    tile.append(cell('b', value), cell('span', name));
    return tile;
  }));
  fill('servers', [['host', r => r.host], ['address', r => r.address],
    ['transport', r => r.transport], ['state', r => r.state], ['why', r => r.why]], upstreams.servers,
    'no server is known');
  fill('transitions', [['when', r => span(r.ago_s) + ' ago'], ['from', r => r.from],
    ['to', r => r.to], ['because', r => r.text]], upstreams.transitions.slice(-10).reverse(),
    'none since the start');
  fill('live', [['phase', r => r.phase], ['from', r => r.from], ['dialled', r => r.dialled],
    ['source', r => r.source], ['decision', r => r.answered_decision || r.decision], ['age', r => span(r.age_s)],
    ['talking', r => span(r.talking_s)]], calls.live, 'none');
  fill('registrations', [['address of record', r => r.aor], ['contact', r => r.contact],
    ['source', r => r.source], ['interface', r => r.interface],
    ['expires in', r => span(r.expires_in_s)],
    ['confirmed by the centre', r => r.confirmed_s_ago === null ? '' :
      span(r.confirmed_s_ago) + ' ago']], registrations.registrations, 'none');
  fill('calls', [['began', r => time(r.began)], ['from', r => r.from],
    ['dialled', r => r.dialled], ['end', r => r.end || (r.live ? 'lives' : '')],
    ['talked', r => r.talk_ms === null ? '' : span(Math.round(r.talk_ms / 1000))],
    ['packets', r => r.totals.expected, 'n'], ['lost', r => r.totals.streams ? r.totals.lost : '', 'loss'],
    ['beyond', r => r.beyond.length ? r.totals.lost_beyond : '', 'loss'],
    ['by us', r => ours(r.totals), 'loss'], ['remarks', r => r.remarks.join(' ')]], loss.calls, 'none');
  const minutes = loss.calls.flatMap(c => c.minutes.filter(m => m.lost + m.lost_by_us > 0))
    .slice(0, 50);
  fill('minutes', [['minute', r => time(r.minute)], ['stream', r => r.stream],
    ['interface', r => r.interface], ['SSRC', r => r.ssrc], ['packets', r => r.expected, 'n'],
    ['lost', r => r.lost, 'loss'], ['by us', r => r.lost_by_us, 'loss']], minutes,
    'no minute with a loss');
}
async function turn() {
  try {
    show(...await Promise.all(['/api/status', '/api/upstreams', '/api/registrations',
      '/api/calls?limit=1', '/api/report/loss?limit=50'].map(get)));
  } catch (error) {
    $('state').textContent = 'no answer';
    $('state').className = 'pill stale';
  }
  setTimeout(turn, document.hidden ? 15000 : 2000);
}
turn();
)page";

const PageFile kFiles[] = {
    {"/", "text/html; charset=utf-8", kMarkup},
    {"/page.css", "text/css; charset=utf-8", kStyle},
    {"/page.js", "text/javascript; charset=utf-8", kScript},
};

}  // namespace

const PageFile* page_file(std::string_view path) {
  const auto found = std::find_if(std::begin(kFiles), std::end(kFiles),
                                  [&](const auto& file) { return file.path == path; });
  return found == std::end(kFiles) ? nullptr : &*found;
}

}  // namespace holdfast::admin
