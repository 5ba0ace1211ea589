using Serving.Api.Core;
using Serving.Api.Validation;
using Serving.Api.WellKnown;

namespace Serving.Api.Defaults;

/// <summary>Records the creator and last modifier of an object in annotations.</summary>
internal static class UserStamp
{
    /// <summary>Returns the metadata with the annotations for the context's user; <paramref name="unchanged"/>: the specification did not
    /// change.</summary>
    public static ObjectMeta Apply(ObjectMeta metadata, bool unchanged, AdmissionContext context)
    {
        if (context.UserName is not { } user || context.Operation == AdmissionOperation.Compare || (context.IsUpdate && unchanged))
        {
            return metadata;
        }

        var annotations = new Dictionary<string, string>(metadata.Annotations) { [ServingKeys.LastModifier] = user };
        if (!context.IsUpdate)
        {
            annotations[ServingKeys.Creator] = user;
        }

        return metadata with
        {
            Annotations = annotations,
        };
    }
}
