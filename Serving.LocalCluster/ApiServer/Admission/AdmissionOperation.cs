namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>The operation of an admission request.</summary>
internal enum AdmissionOperation
{
    Create,
    Update,
    Delete,
}
