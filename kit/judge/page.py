# SPDX-License-Identifier: GPL-2.0
"""report.html: one page that needs no network and no script."""
import html
import pathlib

from . import bench, holes, tables, verdict

KERNELS = ('unpatched', 'patched')
PAIR = '<th>unpatched</th><th>patched</th>'
# The bad case: a VF that has the ATS Capability although its PF has not, in a VMM's hands.
BAD_CASE = 'ats.function.vf_off_on.iommufd_twice'
STEPS = {
    'default': 'the kernel has it, in a DMA domain',
    'blocked': 'a VMM claims it: blocked',
    'attached': 'the VMM attaches it to an IOAS',
    'detached': 'the VMM detaches it: blocked',
    'released': 'the VMM releases it: a DMA domain again',
}
FUNCTIONS = {
    'vf_off_on': 'VF with the Capability, PF without',
    'vf_off_off': 'neither VF nor PF has it',
    'vf_on_on': 'both have it, so ATS is enabled',
}
COSTS = [('vf_off_on', 'vfio_type1'), ('vf_off_on', 'iommufd'), ('vf_off_off', 'iommufd'), ('vf_on_on', 'iommufd')]


def text(value):
    """Return VALUE as HTML has it."""
    return html.escape(str(value))


def table(lines):
    """Return the lines of a table that may be wider than the page."""
    return ['<div class="wide"><table>', *lines, '</table></div>']


def section(title, intro, body):
    """Return the lines of a section; nothing if it has none."""
    return [f'<section><h2>{text(title)}</h2>', f'<p>{text(intro)}</p>', *body, '</section>'] if body else []


def complaints(case):
    """Return how many complaints the kernel's log had, in words; nothing if there was none."""
    return f'{case.splats} complaint{"" if case.splats == 1 else "s"}' if case.splats else ''


class Base:
    """What the bench has seen of both kernels of a base."""

    def __init__(self, group):
        self.title = group.title
        self.runs = {label: group.on_bench(label) for label in KERNELS}
        self.cases = {label: tables.cases(runs) for label, runs in self.runs.items()}
        names = self.cases['unpatched'].keys() | self.cases['patched'].keys()
        self.rows = dict(holes.rows(group.every, group.version, names, bench.order_of_patches(group)))

    def pair(self, name):
        """Return a case on both kernels."""
        return [self.cases[label].get(name, tables.NONE) for label in KERNELS]


# ---- the bad case

def moments(case):
    """Return the steps in their order, each with the E bit, STE.EATS, and what user space was told there, if it asked."""
    found = []
    for state in case.of('state'):
        if state['step'] == 'told':
            if found:
                found[-1]['told'] = state.get('not_supported')
        # Once more round begins where the last one has ended.
        elif not (found and (found[-1]['step'], state['step']) == ('released', 'default')):
            found.append(state.copy())
    return found


def bit(value, words=('0', '1'), classes=(' class="off"', ' class="on"')):
    """Return the cell of a bit; of anything else one that is marked."""
    return f'<td{classes[value]}>{words[value]}</td>' if value in (0, 1) else f'<td class="fail">{text(tables.dash(value))}</td>'


def timeline(kernel, case):
    """Return the bad case on one kernel, step by step."""
    lines = ['<tr><th>step</th><th>driver: STE.EATS</th><th>user space is told</th><th>hardware: E bit</th></tr>']
    for moment in moments(case):
        driver, hardware, told = moment.get('iommu'), moment.get('e'), moment.get('told')
        differ = driver != hardware or told == 0 and hardware == 0
        said = bit(told, ('ATS may be used', 'ATS cannot be used'), ('', '')) if 'told' in moment else '<td></td>'
        lines.append(f'<tr{" class=parts" if differ else ""}><td class="step">{text(STEPS.get(moment["step"], moment["step"]))}</td>'
                     f'{bit(driver)}{said}{bit(hardware)}</tr>')
    return [f'<div><h3>{kernel.capitalize()}</h3>', *table(lines),
            f'<p class="{"bad" if case.splats else "good"}">{complaints(case) or "No complaint"} in the kernel\'s log.</p></div>']


def bad_case(bases):
    """Return the bad case, on the newest base that has it."""
    for base in bases:
        pair = base.pair(BAD_CASE)
        if pair[0].status == 'fail' and all(case.of('state') for case in pair):
            return section(f'The bad case, on {base.title}', 'A VF that has the ATS Capability although its PF has not. Each row shows what was read '
                           'from outside the driver after a step: the stream table in memory, IOMMU_GET_HW_INFO, configuration space. A red edge '
                           'marks the rows where they differ.', ['<div class="pair">', *timeline('unpatched', pair[0]),
                                                                 *timeline('patched', pair[1]), '</div>'])
    return []


# ---- what an unmap costs, and each operation

def bar_of(kernel, commands, least, most):
    """Return a bar as long as its commands."""
    much = ' class="much"' if commands > least else ''
    return (f'<div class="bar"><b>{kernel}</b><div class="track"><span{much} style="width:{80 * commands / most:.1f}%"></span>'
            f'{commands:.1f}</div></div>')


def costs(bases):
    """Return the commands of each unmap, as bars."""
    found = {}
    for base in bases:
        for function, way in COSTS:
            pair = [tables.dearest([case]) for case in base.pair(f'ats.function.{function}.unmap_costs_of_{way}')]
            if None not in pair:
                found.setdefault(base.title, []).append((f'{FUNCTIONS[function]}: {way}', [float(cost) for cost in pair]))
    most, body = max((cost for those in found.values() for _, pair in those for cost in pair), default=0), []
    for title, those in found.items():
        body.append(f'<div><h3>{text(title)}</h3>')
        for what, pair in those:
            body += [f'<p class="faint">{text(what)}</p>', *(bar_of(kernel, cost, min(pair), most) for kernel, cost in zip(KERNELS, pair))]
        body.append('</div>')
    return section('Commands in the SMMU\'s queue for each page that is unmapped', 'Counted in the queue and in QEMU\'s trace. The least possible is '
                   '2 without ATS (TLBI and SYNC), and 4 with ATS (ATC_INV and SYNC as well).', body and ['<div class="pair">', *body, '</div>'])


def change(old, new):
    """Return two cells, the second marked where it differs."""
    mood = '' if old == new else ' class="good"' if new < old else ' class="bad"'
    return f'<td>{old:,}</td><td{mood}>{new:,}</td>'


def figures(bases):
    """Return what each operation costs."""
    lines = []
    for base in bases:
        old, new = (verdict.figures(base.runs[label]) for label in KERNELS)
        for function, what in FUNCTIONS.items():
            mine = [f'<tr><td>{text(key[2])}</td>{"".join(map(change, old[key], cost))}</tr>' for key, cost in new.items()
                    if key[0] == f'{function}.iommufd' and key in old]
            lines += [f'<tr><th colspan="5">{text(base.title)}: {text(what)}</th></tr>', *mine] if mine else []
    return section('What each operation costs', 'By iommufd, one page at a time. QEMU counts the instructions; shown is the least of several runs. '
                   'It is the same each time, except where a warning is printed.', lines and table(
                       ['<tr><th rowspan="2">operation</th><th colspan="2">commands</th><th colspan="2">instructions</th></tr>',
                        f'<tr>{PAIR * 2}</tr>', *lines]))


# ---- the scenarios, and all that was run

def cell(base, label, name):
    """Return what one scenario has come to on one kernel."""
    case = base.cases[label].get(name)
    if not case:
        lost = any(run.lost and run.machine == name.split('.')[0] for run in base.runs[label])
        return '<td class="lost">LOST</td>' if lost else '<td class="faint">not run</td>'
    said = [{'pass': 'passes', 'fail': 'fails'}.get(case.status, case.status), complaints(case)]
    return f'<td class="{text(case.status)}">{text(", ".join(filter(None, said)))}</td>'


def scenarios(bases):
    """Return the scenarios that show a hole of one of the kernels, in the order of the base with the most."""
    there, what = [base for base in bases if any(base.cases.values())], {}
    for base in sorted(there, key=lambda base: -len(base.rows)):
        what |= {name: said for name, said in base.rows.items() if name not in what}
    heads = ''.join(f'<th colspan="2">{text(base.title)}</th>' for base in there)
    lines = [f'<tr><td>{"VT-d: " if name.startswith("vtd") else ""}{text(said)}</td>'
             f'{"".join(cell(base, label, name) for base in there for label in KERNELS)}</tr>' for name, said in what.items()]
    return section('The scenarios that show a hole of one of these kernels', 'A complaint is one of the kernel\'s, in its log.', lines and table(
        [f'<tr><th rowspan="2">scenario</th>{heads}</tr><tr>{PAIR * len(there)}</tr>', *lines]))


def everything(every, legend):
    """Return the tables of the report."""
    lines = []
    for one in every:
        lines += [f'<h3>{text(one["title"])}</h3><p>{text(one["total"])}. {text(one["when"])}</p>']
        lines += table(f'<tr>{"".join(f"<{tag}>{text(word)}</{tag}>" for word in row)}</tr>'
                       for tag, rows in (('th', [one['heads']]), ('td', one['rows'])) for row in rows) if one['rows'] else []
    return section('All that was run', legend, lines)


def page(groups, every, legend):
    """Return the lines of the page. GROUPS are the report's of Linux, the newest first; EVERY are its tables."""
    bases = [Base(group) for group in groups]
    seen = ', '.join(base.title for base in bases if any(base.cases.values()))
    look = pathlib.Path(__file__).with_suffix('.css').read_text(encoding='utf-8')
    return ['<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f'<title>PCIe ATS: results</title><style>{look}</style></head><body><h1>PCIe ATS: Linux on the bench, unpatched and patched</h1>',
            f'<p>{text(f"Results of {seen}, without the series and with it." if seen else "The bench has not run.")}</p>',
            *bad_case(bases), *costs(bases), *figures(bases), *scenarios(bases), *everything(every, legend), '</body></html>']
