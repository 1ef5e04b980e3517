from bayesgmm.fitting import (
    fit as fit,
    resample as resample,
    estimate as estimate,
    build_model as build_model,
    from_draws as from_draws,
)
from bayesgmm.examples import example_fit as example_fit
from bayesgmm.priors.spec import MixtureSpec as MixtureSpec
from bayesgmm.priors.number import (
    BetaNegativeBinomial as BetaNegativeBinomial,
    UniformCount as UniformCount,
    Geometric as Geometric,
    PoissonCount as PoissonCount,
    FixedCount as FixedCount,
    DynamicDirichlet as DynamicDirichlet,
)
from bayesgmm.priors.weights import Dirichlet as Dirichlet
from bayesgmm.priors.means import NormalMeans as NormalMeans
from bayesgmm.priors.scales import (
    HalfT as HalfT,
    HalfNormal as HalfNormal,
    LogNormal as LogNormal,
    Exponential as Exponential,
    Gamma as Gamma,
    InverseGamma as InverseGamma,
)
from bayesgmm.priors.correlations import LKJ as LKJ
from bayesgmm.priors.wishart import Wishart as Wishart
from bayesgmm.priors.covariances import (
    Full as Full,
    Tied as Tied,
    Diagonal as Diagonal,
    Spherical as Spherical,
    TiedDiagonal as TiedDiagonal,
    TiedSpherical as TiedSpherical,
)
from bayesgmm.priors.inverse_wishart import (
    InverseWishart as InverseWishart,
    TiedInverseWishart as TiedInverseWishart,
)
from bayesgmm.priors.factors import Factors as Factors
from bayesgmm.estimation.em import EM as EM
from bayesgmm.estimation.point_estimate import (
    PointEstimate as PointEstimate,
    Status as Status,
)
from bayesgmm.parameters import MixtureParameters as MixtureParameters
from bayesgmm.engines.nuts import NUTS as NUTS
from bayesgmm.engines.advi import ADVI as ADVI
from bayesgmm.engines.gibbs import Gibbs as Gibbs
from bayesgmm.engines.laplace import Laplace as Laplace
from bayesgmm.posterior.relabel.relabel import relabel as relabel
from bayesgmm.posterior.relabel.permute import undo_relabeling as undo_relabeling
from bayesgmm.posterior.relabel.by_rows import (
    ECR as ECR,
    IterativeECR as IterativeECR,
    Stephens as Stephens,
)
from bayesgmm.posterior.relabel.by_parameters import (
    PRA as PRA,
    PointProcess as PointProcess,
)
from bayesgmm.posterior.relabel.order import OrderBy as OrderBy
from bayesgmm.tree.storage import (
    save as save,
    load as load,
)
from bayesgmm.data.answers import table as table
from bayesgmm.analysis.summarize import summarize as summarize
from bayesgmm.analysis.clustering.cluster import cluster as cluster
from bayesgmm.analysis.clustering.co_clustering import co_clustering as co_clustering
from bayesgmm.analysis.clustering.partition import (
    partition as partition,
    VariationOfInformation as VariationOfInformation,
    Binder as Binder,
    OneMinusAdjustedRand as OneMinusAdjustedRand,
    NormalizedVariationOfInformation as NormalizedVariationOfInformation,
)
from bayesgmm.analysis.clustering.credible_ball import credible_ball as credible_ball
from bayesgmm.analysis.clustering.representative_partitions import (
    representative_partitions as representative_partitions,
)
from bayesgmm.analysis.clustering.agreement import agreement as agreement
from bayesgmm.analysis.clustering.overlap import overlap as overlap
from bayesgmm.analysis.clustering.merge_components import merge_components as merge_components
from bayesgmm.analysis.clustering.merge_by_entropy import EntropyMerging as EntropyMerging
from bayesgmm.analysis.clustering.merge_by_ridgeline import RidgelineMerging as RidgelineMerging
from bayesgmm.analysis.density.log_density import log_density as log_density
from bayesgmm.analysis.density.distribution import (
    cdf as cdf,
    quantile as quantile,
)
from bayesgmm.analysis.density.highest_density_region import (
    highest_density_region as highest_density_region,
)
from bayesgmm.analysis.density.conditional import (
    condition as condition,
    marginalize as marginalize,
)
from bayesgmm.analysis.density.regress import regress as regress
from bayesgmm.analysis.generation.generate import generate as generate
from bayesgmm.analysis.generation.simulate import (
    simulate as simulate,
    Simulation as Simulation,
)
from bayesgmm.analysis.generation.similarity import (
    similarity as similarity,
    Similarity as Similarity,
)
from bayesgmm.analysis.generation.prior_predictive import prior_predictive as prior_predictive
from bayesgmm.analysis.generation.posterior_predictive import (
    posterior_predictive as posterior_predictive,
)
from bayesgmm.analysis.imputation.impute import (
    impute as impute,
    Imputation as Imputation,
)
from bayesgmm.analysis.imputation.pool_imputations import pool_imputations as pool_imputations
from bayesgmm.analysis.selection.select import select as select
from bayesgmm.analysis.selection.compare import compare as compare
from bayesgmm.analysis.selection.evidence import evidence as evidence
from bayesgmm.analysis.selection.prior_number_of_clusters import (
    prior_number_of_clusters as prior_number_of_clusters,
)
from bayesgmm.analysis.diagnosis.diagnose import diagnose as diagnose
from bayesgmm.analysis.diagnosis.value import (
    Diagnosis as Diagnosis,
    Finding as Finding,
)
from bayesgmm.analysis.diagnosis.labeling_report import (
    labeling_report as labeling_report,
    LabelingReport as LabelingReport,
)
from bayesgmm.analysis.calibration.calibrate import calibrate as calibrate
from bayesgmm.analysis.calibration.value import Calibration as Calibration
from bayesgmm.estimators.bayesian_mixture import BayesianGaussianMixture as BayesianGaussianMixture
from bayesgmm.estimators.gaussian_mixture import GaussianMixture as GaussianMixture
from bayesgmm.plots.clusters import plot_clusters as plot_clusters
from bayesgmm.plots.density import plot_density as plot_density
from bayesgmm.plots.weights import plot_weights as plot_weights
from bayesgmm.plots.components import plot_components as plot_components
from bayesgmm.plots.co_clustering import plot_co_clustering as plot_co_clustering
from bayesgmm.plots.certainty import plot_certainty as plot_certainty
from bayesgmm.plots.label_switching import plot_label_switching as plot_label_switching
from bayesgmm.plots.predictive import plot_predictive as plot_predictive
from bayesgmm.plots.selection import plot_selection as plot_selection
from bayesgmm.plots.number_of_components import (
    plot_number_of_components as plot_number_of_components,
)
from bayesgmm.plots.chains import (
    plot_traces as plot_traces,
    plot_ranks as plot_ranks,
)
from bayesgmm.plots.accessor import Plots as Plots
from bayesgmm.report.write import write_report as write_report
from bayesgmm.errors import (
    BayesGMMError as BayesGMMError,
    DataError as DataError,
    SpecificationError as SpecificationError,
    SchemaError as SchemaError,
    NotFittedError as NotFittedError,
    MissingDependencyError as MissingDependencyError,
    BayesGMMWarning as BayesGMMWarning,
    ConvergenceWarning as ConvergenceWarning,
    LabelSwitchingWarning as LabelSwitchingWarning,
)
from bayesgmm.data import datasets as datasets

__version__: str
