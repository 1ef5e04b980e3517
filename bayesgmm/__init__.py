"""Gaussian mixture models that say how sure they are.

    import bayesgmm as bg
    tree = bg.fit(X, bg.MixtureSpec(n_components=3), random_seed=1)
    bg.diagnose(tree)

Names are imported when they are first used, so that ``import bayesgmm`` costs nothing.
"""

from importlib import import_module

from bayesgmm.priors.catalogue import PRIOR_HOMES, STRUCTURE_HOMES

_HOMES = {
    "fitting": ("fit", "refine", "estimate", "build_model", "from_draws"),
    "examples": ("example_fit",),
    **PRIOR_HOMES,
    **STRUCTURE_HOMES,
    "estimation.em": ("EM",),
    "estimation.point_estimate": ("PointEstimate", "Status"),
    "parameters": ("MixtureParameters",),
    "engines.nuts": ("NUTS",),
    "engines.advi": ("ADVI",),
    "engines.gibbs": ("Gibbs",),
    "engines.laplace": ("Laplace",),
    "posterior.relabel.relabel": ("relabel",),
    "posterior.relabel.permute": ("in_raw_order",),
    "posterior.relabel.ecr": ("ECR", "IterativeECR"),
    "posterior.relabel.stephens": ("Stephens",),
    "posterior.relabel.parameters": ("PRA", "PointProcess"),
    "posterior.relabel.order": ("OrderBy",),
    "posterior.storage": ("save", "load"),
    "analysis.calibrate": ("calibrate",),
    "analysis.calibration.value": ("Calibration",),
    "analysis.agreement": ("agreement",),
    "analysis.cluster": ("cluster",),
    "analysis.co_clustering": ("co_clustering",),
    "analysis.compare": ("compare",),
    "analysis.conditional": ("condition", "marginal"),
    "analysis.density": ("log_density",),
    "analysis.distribution": ("cdf", "quantile"),
    "analysis.generate": ("generate",),
    "analysis.highest_density": ("highest_density_region",),
    "analysis.overlap": ("overlap",),
    "analysis.simulate": ("simulate",),
    "analysis.simulation.value": ("Simulation",),
    "analysis.similarity": ("similarity",),
    "analysis.closeness.value": ("Similarity",),
    "analysis.impute": ("impute", "Imputation"),
    "analysis.pool": ("pool",),
    "analysis.merge": ("merge_components",),
    "analysis.merging.entropy": ("EntropyMerging",),
    "analysis.merging.ridgeline": ("RidgelineMerging",),
    "analysis.predictive": ("posterior_predictive",),
    "analysis.partition": ("partition",),
    "analysis.partitions.losses": (
        "VariationOfInformation", "Binder", "OneMinusAdjustedRand",
        "NormalizedVariationOfInformation",
    ),
    "analysis.credible_ball": ("credible_ball",),
    "analysis.representatives": ("representative_partitions",),
    "analysis.regress": ("regress",),
    "analysis.prior": ("prior_predictive",),
    "analysis.labelling": ("labelling_report", "LabellingReport"),
    "analysis.select": ("select",),
    "analysis.summarize": ("summarize",),
    "data.answers": ("table",),
    "analysis.diagnose": ("diagnose",),
    "analysis.diagnosis.value": ("Diagnosis", "Finding"),
    "estimators.bayesian_mixture": ("BayesianGaussianMixture",),
    "estimators.gaussian_mixture": ("GaussianMixture",),
    "plots.pairs": ("plot_clusters",),
    "plots.density": ("plot_density",),
    "plots.weights": ("plot_weights",),
    "plots.components": ("plot_components",),
    "plots.co_clustering": ("plot_co_clustering",),
    "plots.certainty": ("plot_certainty",),
    "plots.label_switching": ("plot_label_switching",),
    "plots.predictive": ("plot_predictive",),
    "plots.selection": ("plot_selection",),
    "plots.chains": ("plot_traces", "plot_ranks"),
    "plots.accessor": ("Plots",),
    "report.write": ("write_report",),
    "errors": (
        "BayesGMMError", "DataError", "SpecificationError", "SchemaError", "NotFittedError",
        "MissingDependencyError", "BayesGMMWarning", "ConvergenceWarning", "LabelSwitchingWarning",
    ),
}  # fmt: skip
_HOME_OF = {name: f"bayesgmm.{home}" for home, names in _HOMES.items() for name in names}
_MODULES = {"datasets": "bayesgmm.data.datasets"}

__version__ = "0.1.0"
__all__ = sorted([*_HOME_OF, *_MODULES])


def __getattr__(name: str) -> object:
    if name in _MODULES:
        value: object = import_module(_MODULES[name])
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module 'bayesgmm' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
