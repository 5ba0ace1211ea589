using System.Text.Json.Nodes;
using Serving.Api.Core;

namespace Serving.LocalCluster.Node.Resizing;

/// <summary>The messages of a kubelet's events about a resize: a phrase and the resources as JSON.</summary>
internal static class ResizeMessages
{
    /// <param name="phrase">Such as <c>Pod resize started</c>.</param>
    /// <param name="spec">The pod with the resources that the event is about.</param>
    /// <param name="generation">The generation that asked for them.</param>
    /// <param name="error">Why it is not done; empty when it is.</param>
    public static string Of(string phrase, PodSpec spec, long? generation, string error = "")
    {
        var summary = new JsonObject();
        if (spec.InitContainers.Count > 0)
        {
            summary["initContainers"] = List(spec.InitContainers);
        }

        summary["containers"] = List(spec.Containers);
        summary["generation"] = generation ?? 0;
        if (error.Length > 0)
        {
            summary["error"] = error;
        }

        return $"{phrase}: {ApiServer.Rest.Json.Text(summary)}";
    }

    private static JsonArray List(IEnumerable<Container> containers) =>
        new([.. containers.Select(c => (JsonNode)new JsonObject { ["name"] = c.Name, ["resources"] = ResourceDocument.Of(c.Resources) })]);
}
