# SPDX-License-Identifier: GPL-2.0
"""report.html, for results.py: one page that needs nothing but itself, no network and no script.

What the bench has seen comes from bench-unpatched.ktap and bench-patched.ktap of each base, by way of kit/facts.py; which of its
scenarios have a text, from series/<base>/scenarios.
"""
import html
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'bench'))
import facts  # noqa: E402

KERNELS = ('unpatched', 'patched')
# The bad case: a VF that has the ATS Capability, of a PF that has none, in a VMM's hands.
BAD_CASE = 'ats.function.vf_off_on.iommufd_twice'
STEPS = {
    'default': 'the kernel has it, in a DMA domain',
    'blocked': 'a VMM claims it: blocked',
    'attached': 'the VMM attaches it to an IOAS',
    'detached': 'the VMM detaches it: blocked',
    'released': 'the VMM releases it: a DMA domain again',
}
COSTS = {
    'ats.function.vf_off_on.unmap_costs_of_vfio_type1': 'VF with the capability, PF without: VFIO',
    'ats.function.vf_off_on.unmap_costs_of_iommufd': 'VF with the capability, PF without: iommufd',
    'ats.function.vf_off_off.unmap_costs_of_iommufd': 'neither VF nor PF has it: iommufd',
    'ats.function.vf_on_on.unmap_costs_of_iommufd': 'both have it, so ATS is on: iommufd',
}
FIGURES = {
    'figures.figures.vf_off_on.iommufd': 'VF with the capability, PF without',
    'figures.figures.vf_off_off.iommufd': 'neither VF nor PF has it',
    'figures.figures.vf_on_on.iommufd': 'both have it, so ATS is on',
}
LOOK = '''
:root { --ink: #1b1f24; --faint: #5c6670; --line: #d5dae0; --good: #1a7f4b; --goodbg: #e3f4ea; --bad: #b3261e; --badbg: #fdeceb;
  --on: #f2c14e; --off: #eef1f4 }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: #fff; max-width: 64rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 .5rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem }
h3 { font-size: 1rem; margin: 1rem 0 .3rem } p { margin: .4rem 0; max-width: 46rem } .faint { color: var(--faint); font-size: .9rem }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 0 2rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top } th { font-weight: 600 }
td.on, td.off { text-align: center; width: 4.6rem; border-left: 3px solid #fff; border-bottom-color: #fff }
td.on { background: var(--on) } td.off { background: var(--off); color: var(--faint) }
tr.parts td.step { box-shadow: inset 4px 0 var(--bad) } tr.parts td.on { background: var(--bad); color: #fff }
.bad { color: var(--bad) } .good { color: var(--good) }
td.fail { background: var(--badbg) } td.pass { background: var(--goodbg) }
.bar { display: flex; align-items: center; gap: .5rem; margin: .15rem 0 } .bar b { width: 5.6rem; font-weight: 400; font-size: .9rem }
.bar span { height: 1.1rem; background: var(--good); flex: none } .bar span.much { background: var(--bad) }
.bar .track { flex: 1; display: flex; align-items: center; gap: .4rem }
@media print { :root { font-size: 8.5pt } body { font-size: 1rem; max-width: none; padding: 0 } * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  .pair { grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)) } th, td { padding: .15rem .3rem }
  tr, .bar { break-inside: avoid } h2, h3 { break-after: avoid } .wide { overflow: visible } }
'''


def text(value):
    return html.escape(str(value))


def seen_by(folder):
    """{kernel: {machine.case: Case}} of a base; None unless both kernels have been on the bench."""
    paths = {kernel: folder / f'bench-{kernel}.ktap' for kernel in KERNELS}
    if not all(path.exists() for path in paths.values()):
        return None
    return {kernel: facts.read_collected(path) for kernel, path in paths.items()}


# ---- the bad case

def moments(case):
    """The steps in their order, each with the E bit, STE.EATS, and what user space was told there, if it asked."""
    found = []
    for state in case.states:
        if state['step'] == 'told':
            if found:
                found[-1]['told'] = state['not_supported']
        # Once more round begins where the last one has ended.
        elif not (found and (found[-1]['step'], state['step']) == ('released', 'default')):
            found.append(dict(state))
    return found


def unknown(value):
    return f'<td class="fail">{text(value)}</td>'


def switch(value):
    return {'0': '<td class="off">off</td>', '1': '<td class="on">on</td>'}.get(value) or unknown(value)


def told(value):
    return {None: '<td></td>', '0': '<td>ATS may be used</td>', '1': '<td>ATS cannot be used</td>'}.get(value) or unknown(value)


def timeline(kernel, case):
    yield f'<div><h3>{kernel.capitalize()}</h3><table>'
    yield '<tr><th>time goes down</th><th>driver: STE.EATS</th><th>user space is told</th><th>hardware: E bit</th></tr>'
    for moment in moments(case):
        # The E bit says what is: whoever says otherwise has parted from it.
        parts = moment['iommu'] != moment['e'] or moment.get('told') == '0' and moment['e'] == '0'
        yield (f'<tr{" class=parts" if parts else ""}><td class="step">{text(STEPS.get(moment["step"], moment["step"]))}</td>'
               f'{switch(moment["iommu"])}{told(moment.get("told"))}{switch(moment["e"])}</tr>')
    mood = 'bad' if case.splats else 'good'
    yield f'</table><p class="{mood}">{case.splats or "No"} complaint{"" if case.splats == 1 else "s"} in the kernel\'s log.</p></div>'


def bad_case(bases):
    for title, seen in bases:
        pair = {kernel: seen[kernel].get(BAD_CASE, facts.Case()) for kernel in KERNELS} if seen else {}
        if pair and all(case.states for case in pair.values()) and pair['unpatched'].verdict == 'fail':
            break
    else:
        return
    yield f'<section><h2>The bad case, on {text(title)}</h2>'
    yield ('<p>A VF with the ATS Capability, whose PF has none. Each row is what was read from outside the driver after a step: the '
           'stream table in memory, IOMMU_GET_HW_INFO, configuration space. A row with a red edge is where they part.</p>')
    yield '<div class="pair">'
    for kernel in KERNELS:
        yield from timeline(kernel, pair[kernel])
    yield '</div></section>'


# ---- what an unmap costs

def bar(kernel, commands, least, most):
    much = ' class="much"' if commands > least else ''
    return (f'<div class="bar"><b>{kernel}</b><div class="track"><span{much} style="width:{80 * commands / most:.1f}%"></span>'
            f'{commands:.1f}</div></div>')


def costs(bases):
    found = []
    for title, seen in bases:
        for name, what in COSTS.items() if seen else ():
            pair = [facts.dearest([seen[kernel].get(name, facts.Case())]) for kernel in KERNELS]
            if '-' not in pair:
                found.append((title, what, [float(cost) for cost in pair]))
    if not found:
        return
    most = max(max(pair) for _, _, pair in found)
    yield '<section><h2>Commands in the SMMU\'s queue for each page that is unmapped</h2>'
    yield ('<p>Counted in the queue, and once more in QEMU\'s trace. The least possible is 2 without ATS (TLBI and SYNC), and 4 with '
           'it (and ATC_INV and SYNC).</p><div class="pair">')
    last = None
    for title, what, pair in found:
        if title != last:
            yield f'{"</div>" if last else ""}<div><h3>{text(title)}</h3>'
            last = title
        yield f'<p class="faint">{text(what)}</p>'
        yield from (bar(kernel, commands, min(pair), most) for kernel, commands in zip(KERNELS, pair))
    yield '</div></div></section>'


# ---- what each operation costs

def change(old, new):
    mood = '' if old == new else ' class="good"' if new < old else ' class="bad"'
    return f'<td>{old:,}</td><td{mood}>{new:,}</td>'


def figures(bases):
    rows = []
    for title, seen in bases:
        for name, what in FIGURES.items() if seen else ():
            old, new = ({figure['operation']: figure for figure in seen[kernel].get(name, facts.Case()).figures} for kernel in KERNELS)
            if new and old.keys() >= new.keys():
                rows.append(f'<tr><th colspan="5">{text(title)}: {text(what)}</th></tr>')
                rows += [f'<tr><td>{text(operation)}</td>'
                         + ''.join(change(int(old[operation][key]), int(cost[key])) for key in ('commands', 'instructions')) + '</tr>'
                         for operation, cost in new.items()]
    if not rows:
        return
    yield '<section><h2>What each operation costs</h2>'
    yield ('<p>By iommufd, a page at a time. Instructions are counted by QEMU; the least of several runs, and the same each time, but where '
           'a warning is printed.</p><div class="wide"><table>')
    yield '<tr><th rowspan="2">operation</th><th colspan="2">commands</th><th colspan="2">instructions</th></tr>'
    yield f'<tr>{"<th>unpatched</th><th>patched</th>" * 2}</tr>'
    yield from rows
    yield '</table></div></section>'


# ---- the scenarios

def listed(path):
    """{case: text} of series/<base>/scenarios, of the cases that have one."""
    if not path.exists():
        return {}
    lines = [line.split('|', 1) for line in path.read_text(encoding='utf-8').splitlines() if '|' in line and line[0] != '#']
    return {name.strip(): what.strip() for name, what in lines if what.strip()}


def verdict(case):
    complaints = f', {case.splats} complaint{"" if case.splats == 1 else "s"}' if case.splats else ''
    return f'<td class="{text(case.verdict)}">{text({"pass": "passes", "fail": "fails"}.get(case.verdict, case.verdict))}{complaints}</td>'


def scenarios(bases, queues):
    names = {}
    for rows in sorted((listed(queue / 'scenarios') for queue in queues), key=len, reverse=True):
        names = names | {name: what for name, what in rows.items() if name not in names}
    there = [(title, seen) for title, seen in bases if seen]
    if not there or not names:
        return
    yield '<section><h2>The scenarios that need the series on one of these kernels</h2><div class="wide"><table>'
    yield f'<tr><th rowspan="2">scenario</th>{"".join(f"<th colspan=2>{text(title)}</th>" for title, _ in there)}</tr>'
    yield f'<tr>{"<th>unpatched</th><th>patched</th>" * len(there)}</tr>'
    for name, what in names.items():
        cells = ''.join(verdict(seen[kernel][name]) if name in seen[kernel] else '<td class="faint">not run</td>'
                        for _, seen in there for kernel in KERNELS)
        yield f'<tr><td>{text(what)}</td>{cells}</tr>'
    yield '</table></div></section>'


# ---- all that was run

def everything(tables, legend):
    yield '<section><h2>All that was run</h2>'
    for table in tables:
        yield f'<h3>{text(table["title"])}</h3><p>{text(table["total"].capitalize())}.</p>'
        if table['rows']:
            yield f'<div class="wide"><table><tr>{"".join(f"<th>{text(head)}</th>" for head in table["header"])}</tr>'
            yield from (f'<tr>{"".join(f"<td>{text(cell)}</td>" for cell in row)}</tr>' for row in table['rows'])
            yield f'</table></div><p class="faint">Results {text(table["when"])}.</p>'
    yield f'<p class="faint">{text(legend)}</p></section>'


def page(root, queues, names, tables, legend):
    """The whole page. ROOT has a folder of results for each of NAMES, QUEUES a folder of the queue; TABLES are results.py's."""
    titles = dict(zip(names, (table['title'] for table in tables)))
    kernels = [name for name in reversed(names) if (queues / name).is_dir()]
    bases = [(titles[name], seen_by(root / name)) for name in kernels]
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    yield f'<title>PCIe ATS: what was seen</title><style>{LOOK}</style></head><body>'
    yield '<h1>PCIe ATS: one truth for driver, hardware and user space</h1>'
    yield (f'<p>What was seen on {text(", ".join(title for title, seen in bases if seen) or "no bench")}, without the series and with '
           'it.</p>')
    yield from bad_case(bases)
    yield from costs(bases)
    yield from figures(bases)
    yield from scenarios(bases, [queues / name for name in kernels])
    yield from everything(tables, legend)
    yield '</body></html>'
