# SPDX-License-Identifier: GPL-2.0
"""report.html: one page that needs no network and no script. What is on it; page.html says how it looks."""
import pathlib

from . import bench, holes, tables, verdict

# The bad case: a VF that has the ATS Capability although its PF has not, in a VMM's hands.
BAD_CASE = 'ats.function.vf_off_on.iommufd_twice'
STEPS = {
    'default': 'before: in its default DMA domain',
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


def complaints(case):
    """Return how many complaints the kernel's log had, in words."""
    return f'{case.splats or "No"} complaint{"s" if case.splats > 1 else ""}'


class Base:
    """What the bench has seen of both kernels of a base."""

    def __init__(self, group):
        self.title = group.title
        self.runs = group.bench
        self.cases = {label: tables.cases(runs) for label, runs in self.runs.items()}
        names = [name for cases in self.cases.values() for name in cases]
        self.rows = dict(holes.rows(group.every, group.version, names, bench.order_of_patches(group)))

    def pair(self, name):
        """Return (kernel, case) of both kernels."""
        return [(label, cases.get(name, tables.NONE)) for label, cases in self.cases.items()]

    def lost(self, label, name):
        """Return whether the machine of a case was lost."""
        return any(run.lost and run.machine == name.split('.')[0] for run in self.runs[label])

    def costs(self):
        """Yield what was unmapped, and {kernel: commands of each unmap}."""
        for function, way in COSTS:
            pair = {label: tables.dearest([case]) for label, case in self.pair(f'ats.function.{function}.unmap_costs_of_{way}')}
            if None not in pair.values():
                yield f'{FUNCTIONS[function]}: {way}', {label: float(cost) for label, cost in pair.items()}

    def figures(self):
        """Yield a heading, and for each operation what it costs on both kernels: (operation, (commands, instructions), (commands, instructions))."""
        old, new = (verdict.figures(runs) for runs in self.runs.values())
        for function, what in FUNCTIONS.items():
            mine = [(key[2], old[key], cost) for key, cost in new.items() if key[0] == f'{function}.iommufd' and key in old]
            if mine:
                yield f'{self.title}: {what}', mine


def moments(case):
    """Return the steps in their order, each with the E bit, STE.EATS, and what user space was told there, if it asked."""
    found = []
    for state in case.of('state'):
        if state['step'] == 'told':
            if found:
                found[-1]['told'] = state.get('not_supported')
        # Once more round begins where the last one has ended.
        elif not (found and (found[-1]['step'], state['step']) == ('released', 'default')):
            found.append({'iommu': None, 'e': None} | state)
    return found


def page(groups, every, legend):
    """Return the page. GROUPS are the report's of Linux, the newest first; EVERY are its tables."""
    import jinja2       # pylint: disable=import-outside-toplevel  # the other commands do without it
    there = [base for base in map(Base, groups) if any(base.cases.values())]
    # The bad case is that of the newest base that has it, and the rows are in the order of the base with the most.
    shown = (base for base in there if base.pair(BAD_CASE)[0][1].status == 'fail' and all(case.of('state') for _, case in base.pair(BAD_CASE)))
    rows = {}
    for base in sorted(there, key=lambda base: -len(base.rows)):
        rows |= {name: said for name, said in base.rows.items() if name not in rows}
    costs = {base.title: list(base.costs()) for base in there}
    costs = {title: those for title, those in costs.items() if those}
    return jinja2.Environment(loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent), autoescape=True).get_template('page.html').render(
        bad=next(shown, None), bad_case=BAD_CASE, complaints=complaints, costs=costs, dash=tables.dash, every=every,
        figures=dict(pair for base in there for pair in base.figures()), legend=legend, moments=moments,
        most=max((cost for those in costs.values() for _, pair in those for cost in pair.values()), default=0), rows=rows, steps=STEPS, there=there)
