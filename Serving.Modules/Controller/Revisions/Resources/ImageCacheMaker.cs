using Serving.Api.Caching;
using Serving.Api.Knative;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Makes the Image that tells image caches which image a container of a Revision will pull.</summary>
internal static class ImageCacheMaker
{
    public static Image Make(Revision revision, string container, string image) =>
        new()
        {
            ApiVersion = ApiResources.Images.ApiVersion,
            Kind = ApiResources.Images.Kind,
            Metadata = RevisionMetadata.Of(
                revision,
                ChildNames.ImageCache(revision.Metadata.Name, container),
                RevisionMetadata.Annotations(revision)
            ),
            Spec = new ImageSpec
            {
                Reference = image,
                ServiceAccountName = revision.Spec.ServiceAccountName,
                ImagePullSecrets = revision.Spec.ImagePullSecrets,
            },
        };
}
