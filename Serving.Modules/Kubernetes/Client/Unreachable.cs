using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes;

/// <summary>Says that the API server cannot be reached in the same words for whoever finds out, since it is one cause: each watch, reconcile and candidate does.</summary>
internal static class Unreachable
{
    public static void Log(ILogger logger, Exception error)
        => logger.LogWarning("The API server cannot be reached, what needs it is tried again: {Error}", error.Message);
}
